/** The browser session: an HttpOnly cookie that scripts never see, and the CSRF value that goes with each request. */
import { Problem, readProblem, send } from './http'

export interface Session {
  /** The name one signs in with. */
  account: string
  csrf: string
  /** What must be done before anything else is served. */
  pending: 'password' | 'second_factor' | null
  /** Whether a code of an authenticator is asked for at sign-in. */
  secondFactor: boolean
  /** Whether the account has a password; one that only signs in through the provider has none. */
  password: boolean
}

/** The identity provider of this deployment, and how far this browser's sign-in through it has come. */
export interface Provider {
  provider: { zh: string; en: string } | null
  stage: 'code' | 'refused' | null
  /** Of a refusal: a sentence, and what the provider calls a person whom no account is linked to. */
  code?: string
  message?: string
  subject?: string | null
}

/** The session of this browser, or null when nobody is signed in. */
export async function readSession(): Promise<Session | null> {
  const response = await send('/session', { headers: { Accept: 'application/json' } })
  if (response.status === 401) return null
  if (!response.ok) throw await readProblem(response)
  const body = (await response.json()) as Omit<Session, 'account'> & { account: { name: string } }
  return { ...body, account: body.account.name }
}

/** Signs in; throws `Problem` (`auth.wrong_password`, `auth.code_required` 401, throttled 429) or `Unreachable`. */
export async function signIn(account: string, password: string, code: string | undefined, language: string): Promise<Session> {
  const response = await send('/session', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json', 'Accept-Language': language },
    body: JSON.stringify({ login: account, password, code }),
  })
  if (!response.ok) throw await readProblem(response)
  const opened = await readSession()
  if (opened === null) throw new Problem(0, 'session.no_cookie', '', null)
  return opened
}

/** Whether there is a provider, and how far this browser has come. */
export async function readProvider(language: string): Promise<Provider> {
  const response = await send('/session/oidc', { headers: { Accept: 'application/json', 'Accept-Language': language } })
  if (!response.ok) throw await readProblem(response)
  return (await response.json()) as Provider
}

/** Begins a sign-in through the provider: the address to go to. Throws `Problem` (`oidc.unavailable` 503, throttled 429). */
export async function beginAtProvider(language: string): Promise<string> {
  const response = await throughProvider({}, language)
  return ((await response.json()) as { address: string }).address
}

/** Ends a sign-in that waits for the second factor; throws `Problem` (`auth.wrong_code`, `oidc.not_begun` 401). */
export async function finishAtProvider(code: string, language: string): Promise<void> {
  await throughProvider({ code }, language)
}

async function throughProvider(body: object, language: string): Promise<Response> {
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json', 'Accept-Language': language }
  const response = await send('/session/oidc', { method: 'POST', headers, body: JSON.stringify(body) })
  if (!response.ok) throw await readProblem(response)
  return response
}

/** Ends the session on the server; one that has already ended is no error. */
export async function signOut(session: Session): Promise<void> {
  const response = await send('/session', { method: 'DELETE', headers: { 'Wangge-CSRF': session.csrf } })
  if (!response.ok && response.status !== 401) throw await readProblem(response)
}

/** Replaces the own password and ends the other sessions; throws `Problem` (`password.*` 422) or `Unreachable`. */
export async function changePassword(session: Session, current: string, next: string, language: string): Promise<void> {
  await write(session, 'POST', '/session/password', { current, new: next }, language)
}

/** A new secret for an authenticator, in base32. */
export async function beginSecondFactor(session: Session, password: string, language: string): Promise<{ secret: string; uri: string }> {
  return (await write(session, 'POST', '/session/second-factor', { password }, language)).json() as Promise<{ secret: string; uri: string }>
}

/** Takes it into use and gives the recovery codes, which are shown this once. */
export async function confirmSecondFactor(session: Session, code: string, language: string): Promise<string[]> {
  const response = await write(session, 'POST', '/session/second-factor', { code }, language)
  return ((await response.json()) as { recoveryCodes: string[] }).recoveryCodes
}

async function write(session: Session, method: string, path: string, body: object, language: string): Promise<Response> {
  const headers = { 'Content-Type': 'application/json', 'Accept-Language': language, 'Wangge-CSRF': session.csrf }
  const response = await send(path, { method, headers, body: JSON.stringify(body) })
  if (!response.ok) throw await readProblem(response)
  return response
}
