/** How GraphiQL asks: through the console's own `send`, with the given credentials. */
import type { ExecutionResult } from 'graphql'
import { type Credentials, requestHeaders } from '../../api/graphql'
import { send } from '../../api/http'

export interface Question {
  query: string
  operationName?: string | null | undefined
  variables?: unknown
}

/** Sends one operation; what the person wrote under Headers goes along, but never replaces who asks. */
export async function ask(
  question: Question,
  credentials: Credentials,
  language: string,
  extra: Record<string, string> = {},
): Promise<ExecutionResult> {
  const response = await send('/graphql', {
    method: 'POST',
    // With a token the cookie stays at home: the answer must be the token's, not the account's.
    credentials: credentials.token === undefined ? 'same-origin' : 'omit',
    headers: {
      ...extra,
      'Content-Type': 'application/json',
      Accept: 'application/graphql-response+json, application/json',
      ...requestHeaders(credentials, language),
    },
    body: JSON.stringify(question),
  })
  return (await response.json()) as ExecutionResult
}

export interface Example {
  entity: string
  label: string
  kind: string
  title: string
  query: string
  variables: Record<string, unknown>
}

/** Operations that run for whoever asks, made by the server from the asker's own schema; none when it cannot be reached. */
export async function examplesOf(credentials: Credentials, language: string): Promise<Example[]> {
  try {
    const response = await send('/api/examples.json', {
      credentials: credentials.token === undefined ? 'same-origin' : 'omit',
      headers: { Accept: 'application/json', ...requestHeaders(credentials, language) },
    })
    return response.ok ? ((await response.json()) as Example[]) : []
  } catch {
    return []
  }
}

/** Whether the server accepts a token. */
export async function probeToken(token: string, language: string): Promise<'accepted' | 'refused' | 'unreachable'> {
  try {
    const response = await send('/graphql', {
      method: 'POST',
      credentials: 'omit',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json', ...requestHeaders({ token }, language) },
      body: JSON.stringify({ query: '{ __typename }' }),
    })
    return response.ok ? 'accepted' : 'refused'
  } catch {
    return 'unreachable'
  }
}
