/** The browser session: an HttpOnly cookie that scripts never see, and the CSRF value that goes with each request. */
import { Problem, readProblem, send } from './http'

export interface Session {
  /** The name one signs in with. */
  account: string
  csrf: string
}

/** The session of this browser, or null when nobody is signed in. */
export async function readSession(): Promise<Session | null> {
  const response = await send('/session', { headers: { Accept: 'application/json' } })
  if (response.status === 401) return null
  if (!response.ok) throw await readProblem(response)
  const body = (await response.json()) as { account: { name: string }; csrf: string }
  return { account: body.account.name, csrf: body.csrf }
}

/** Signs in; throws `Problem` (`auth.wrong_password` 401, throttled 429) or `Unreachable`. */
export async function signIn(account: string, password: string, language: string): Promise<Session> {
  const response = await send('/session', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json', 'Accept-Language': language },
    body: JSON.stringify({ login: account, password }),
  })
  if (!response.ok) throw await readProblem(response)
  const opened = await readSession()
  if (opened === null) throw new Problem(0, 'session.no_cookie', '', null)
  return opened
}

/** Ends the session on the server; one that has already ended is no error. */
export async function signOut(session: Session): Promise<void> {
  const response = await send('/session', { method: 'DELETE', headers: { 'Wangge-CSRF': session.csrf } })
  if (!response.ok && response.status !== 401) throw await readProblem(response)
}
