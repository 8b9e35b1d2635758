/** GraphiQL itself with its editor and workers, all from this build; a chunk of its own. */
import './workers'
import { GraphiQL } from 'graphiql'
import 'graphiql/style.css'
import { useMemo } from 'react'
import type { Credentials } from '../../api/graphql'
import type { Mode } from '../../kit/theme'
import { ask, type Question } from './query'

interface ToolProps {
  credentials: Credentials
  language: string
  mode: Mode
}

/** What was typed lives as long as the tab: queries may name people, and computers are shared. */
export function Tool({ credentials, language, mode }: ToolProps) {
  const fetcher = useMemo(
    () => (question: Question, options?: { headers?: Record<string, string> }) =>
      ask(question, credentials, language, options?.headers),
    [credentials, language],
  )
  return (
    <GraphiQL fetcher={fetcher} storage={sessionStorage} shouldPersistHeaders={false} forcedTheme={mode} showPersistHeadersSettings={false}>
      <GraphiQL.Logo>GraphiQL</GraphiQL.Logo>
    </GraphiQL>
  )
}
