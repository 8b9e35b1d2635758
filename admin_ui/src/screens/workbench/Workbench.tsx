/** 工作台: who I am, and what I can work with. */
import { Button } from 'antd'
import { useCallback } from 'react'
import { useTranslation } from 'react-i18next'
import { formatDay } from '../../kit/format'
import { Page, Panel } from '../../kit/Page'
import { usePreferences } from '../../kit/preferences'
import { Notice } from '../../kit/States'
import { useCaller, useLoad } from '../../schema/caller'
import { readCounts } from '../../schema/counts'
import { PostTable } from './PostTable'
import { RegisterList } from './RegisterList'
import { formatMoment } from '../../kit/format'

/** The landing page after sign-in. */
export function Workbench() {
  const { t } = useTranslation()
  const { language } = usePreferences()
  const { me, session, registers } = useCaller()
  const read = useCallback(
    (client: Parameters<typeof readCounts>[0]) => readCounts(client, registers.map((register) => register.field)),
    [registers],
  )
  const counts = useLoad(read)
  const name = me.account?.name ?? session.account
  return (
    <Page title={t('workbench.title')} lead={t('workbench.greeting', { name, date: formatDay(new Date(), language) })}>
      <Panel title={t('workbench.me')}>
        <PostTable posts={me.posts} />
      </Panel>
      <Panel
        title={t('workbench.registers')}
        aside={counts.state === 'ready' && registers.length > 0 ? t('workbench.sinceWhen', { moment: formatMoment(counts.at) }) : null}
      >
        {counts.state === 'failed' ? (
          <Notice tone="danger">
            {t(counts.failure.kind === 'unreachable' ? 'problem.unreachable' : 'register.failed')}
            <Button size="small" onClick={counts.reload}>
              {t('common.retry')}
            </Button>
          </Notice>
        ) : null}
        <RegisterList registers={registers} counts={counts.state === 'ready' ? counts.value : counts.state} />
      </Panel>
    </Page>
  )
}
