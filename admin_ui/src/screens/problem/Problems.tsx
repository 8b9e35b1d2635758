/** The pages for what is not there, and for a server that does not answer. */
import { Button } from 'antd'
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import type { Failure } from '../../api/graphql'
import { FullState } from '../../kit/States'
import { useTitle } from '../../kit/Page'

const RETRY_MS = 5_000

/** An address that leads nowhere. */
export function NotFound() {
  const { t } = useTranslation()
  useTitle(t('problem.notFound'))
  return (
    <FullState
      title={t('problem.notFound')}
      help={t('problem.notFoundHelp')}
      action={
        <Link href="/" className="wg-link">
          {t('problem.backHome')}
        </Link>
      }
    />
  )
}

/** The server does not answer, or not with what was asked for; tries again by itself while nobody answers. */
export function Failed({ failure, retry }: { failure: Failure; retry: () => void }) {
  const { t } = useTranslation()
  const starting = failure.kind === 'refused' && failure.status === 503
  const absent = failure.kind === 'unreachable' || starting
  useEffect(() => {
    if (!absent) return
    const timer = setInterval(retry, RETRY_MS)
    window.addEventListener('online', retry)
    return () => {
      clearInterval(timer)
      window.removeEventListener('online', retry)
    }
  }, [absent, retry])
  const name = starting ? 'starting' : absent ? 'unreachable' : 'failed'
  useTitle(t(`problem.${name}`))
  return (
    <FullState
      title={t(`problem.${name}`)}
      help={t(`problem.${name}Help`)}
      action={
        <>
          <Button type="primary" onClick={retry}>
            {t('common.retry')}
          </Button>
          {absent ? <span className="wg-muted">{t('problem.retrying')}</span> : null}
        </>
      }
      {...(failure.kind === 'refused' ? { detail: `${failure.status || ''} ${failure.code} ${failure.message}`.trim() } : {})}
    />
  )
}
