/** GraphiQL itself with its editor and workers, all from this build; a chunk of its own. */
import './workers'
import { GraphiQL } from 'graphiql'
import 'graphiql/style.css'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { Credentials } from '../../api/graphql'
import type { Mode } from '../../kit/theme'
import { ask, type Question } from './query'

interface ToolProps {
  credentials: Credentials
  language: string
  mode: Mode
}

/** What every account may ask; named, so that the tab has a name. */
const FIRST = `query Me {
  me {
    account { name }
    posts { role { label } unit { name } area { name code } }
  }
}
`

/** What was typed lives as long as the tab: queries may name people, and computers are shared. */
export function Tool({ credentials, language, mode }: ToolProps) {
  const { t } = useTranslation()
  const fetcher = useMemo(
    () => (question: Question, options?: { headers?: Record<string, string> }) =>
      ask(question, credentials, language, options?.headers),
    [credentials, language],
  )
  return (
    <GraphiQL
      fetcher={fetcher}
      storage={sessionStorage}
      shouldPersistHeaders={false}
      forcedTheme={mode}
      showPersistHeadersSettings={false}
      defaultQuery={FIRST}
    >
      <GraphiQL.Logo>
        <h1>{t('graphiql.title')}</h1>
      </GraphiQL.Logo>
    </GraphiQL>
  )
}
