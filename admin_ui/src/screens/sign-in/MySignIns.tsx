/** The caller's own sign-ins: sessions to look through and end, password, second factor. */
import { Button } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { formatMoment } from '../../kit/format'
import { Page, Panel } from '../../kit/Page'
import { Notice, Waiting } from '../../kit/States'
import { useCaller, useCallerContext, useLoad } from '../../schema/caller'
import { endSession, readSessions } from '../../schema/sign-ins'
import { FactorForm } from './FactorForm'
import { PasswordForm } from './PasswordForm'

/** The page at /admin/sign-ins. */
export function MySignIns() {
  const { t } = useTranslation()
  const { session } = useCaller()
  const { recheck } = useCallerContext()
  return (
    <Page title={t('signIns.title')}>
      <Panel title={t('signIns.sessions')}>
        <Sessions />
      </Panel>
      {session.password ? (
        <Panel title={t('signIns.password')}>
          <PasswordForm session={session} done={recheck} quiet />
        </Panel>
      ) : null}
      <Panel title={t('signIns.factor')}>
        {session.secondFactor ? <p>{t('signIns.hasFactor')}</p> : <FactorForm session={session} done={recheck} quiet />}
      </Panel>
    </Page>
  )
}

function Sessions() {
  const { t } = useTranslation()
  const { client } = useCaller()
  const sessions = useLoad(readSessions)
  const [failed, setFailed] = useState(false)
  if (sessions.state === 'waiting') return <Waiting />
  if (sessions.state === 'failed') return <Notice tone="danger">{t('signIns.failed')}</Notice>
  const end = (id: string): void => {
    endSession(client, id).then(
      () => {
        setFailed(false)
        sessions.reload()
      },
      () => setFailed(true),
    )
  }
  return (
    <>
      {failed ? <Notice tone="danger">{t('signIns.failed')}</Notice> : null}
      <ul className="wg-sessions">
        {sessions.value.map((each) => (
          <li key={each.id}>
            <span>{t('signIns.since', { moment: formatMoment(new Date(each.createdAt)), address: each.address ?? '' })}</span>
            {each.current ? (
              <span className="wg-muted">{t('signIns.current')}</span>
            ) : (
              <Button size="small" onClick={() => end(each.id)}>
                {t('signIns.end')}
              </Button>
            )}
          </li>
        ))}
      </ul>
    </>
  )
}
