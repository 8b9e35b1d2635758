/** GraphiQL itself with its editor and workers, all from this build; a chunk of its own. */
import './workers'
import { GraphiQL } from 'graphiql'
import 'graphiql/style.css'
import { useEffect, useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Credentials } from '../../api/graphql'
import { Waiting } from '../../kit/States'
import type { Mode } from '../../kit/theme'
import { ask, type Example, examplesOf, type Question } from './query'

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

/** Lists that the caller may ask for, each in a tab of its own beside the first. */
const TABS = 3

function tabsOf(examples: Example[]) {
  const lists = examples.filter((example) => example.kind === 'list').slice(0, TABS)
  const written = lists.map(({ query, variables }) => ({ query, variables: JSON.stringify(variables, null, 2) }))
  return [{ query: FIRST }, ...written]
}

/** What was typed lives as long as the tab: queries may name people, and computers are shared. */
export function Tool({ credentials, language, mode }: ToolProps) {
  const { t } = useTranslation()
  const fetcher = useMemo(
    () => (question: Question, options?: { headers?: Record<string, string> }) =>
      ask(question, credentials, language, options?.headers),
    [credentials, language],
  )
  const { token, csrf } = credentials
  const [examples, setExamples] = useState<Example[] | null>(null)
  useEffect(() => {
    let shown = true
    void examplesOf({ token, csrf }, language).then((found) => shown && setExamples(found))
    return () => {
      shown = false
    }
  }, [token, csrf, language])
  if (examples === null) return <Waiting />
  return (
    <GraphiQL
      fetcher={fetcher}
      storage={sessionStorage}
      shouldPersistHeaders={false}
      forcedTheme={mode}
      showPersistHeadersSettings={false}
      defaultQuery={FIRST}
      defaultTabs={tabsOf(examples)}
    >
      <GraphiQL.Logo>
        <h1>{t('graphiql.title')}</h1>
      </GraphiQL.Logo>
    </GraphiQL>
  )
}
