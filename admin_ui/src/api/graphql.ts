/** GraphQL over POST, with the session's cookie and CSRF value or with a token, through `send`. */
import { Client, type CombinedError, fetchExchange } from '@urql/core'
import { Problem, send, Unreachable } from './http'

export interface Credentials {
  /** Of the browser session; absent when a token is used. */
  csrf?: string | undefined
  token?: string | undefined
}

/** The headers that prove who asks, in the language the answer shall have. */
export function requestHeaders(credentials: Credentials, language: string): Record<string, string> {
  return {
    'Accept-Language': language,
    ...(credentials.csrf === undefined ? {} : { 'Wangge-CSRF': credentials.csrf }),
    ...(credentials.token === undefined ? {} : { Authorization: `Bearer ${credentials.token}` }),
  }
}

/** A client for one session and one language; answers are not kept, rights may change from one second to the next. */
export function createClient(credentials: Credentials, language: string): Client {
  return new Client({
    url: '/graphql',
    exchanges: [fetchExchange],
    preferGetMethod: false,
    requestPolicy: 'network-only',
    fetch: (input, init) => send(String(input), init),
    fetchOptions: () => ({ headers: requestHeaders(credentials, language) }),
  })
}

/** What went wrong, in the three forms that the console tells apart. */
export type Failure =
  | { kind: 'unreachable' }
  | { kind: 'signed-out' }
  | { kind: 'refused'; status: number; code: string; message: string }

/** Sorts an error of a query: no answer, no session, or a refusal with its code. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Unreachable) return { kind: 'unreachable' }
  if (error instanceof Problem) {
    if (error.status === 401) return { kind: 'signed-out' }
    return { kind: 'refused', status: error.status, code: error.code, message: error.detail }
  }
  const combined = error as Partial<CombinedError>
  const status = (combined.response as Response | undefined)?.status ?? 0
  if (status === 401) return { kind: 'signed-out' }
  const first = combined.graphQLErrors?.[0]
  const code = String(first?.extensions['code'] ?? '')
  if (first === undefined && combined.networkError instanceof Unreachable) return { kind: 'unreachable' }
  if (first === undefined && [502, 504].includes(status)) return { kind: 'unreachable' }
  return { kind: 'refused', status, code, message: first?.message ?? combined.message ?? String(error) }
}
