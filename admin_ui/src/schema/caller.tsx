/** The caller: session, client, own posts and registers, kept current; every screen reads it from here. */
import type { Client } from '@urql/core'
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useRef, useState } from 'react'
import { createClient, type Failure, failureOf } from '../api/graphql'
import { readSession, type Session, signIn as openSession, signOut as closeSession } from '../api/session'
import { type Me, readMe } from './me'
import { namedType, type Register, readRoots, registersOf } from './roots'

export interface Caller {
  session: Session
  client: Client
  me: Me
  registers: Register[]
}

export type CallerState =
  | { state: 'checking' }
  | { state: 'signed-out'; ended: boolean }
  | { state: 'failed'; failure: Failure }
  | { state: 'pending'; session: Session }
  | { state: 'ready'; caller: Caller }

interface CallerContext {
  state: CallerState
  /** Opens a session; throws `Problem` or `Unreachable`. */
  signIn: (account: string, password: string, code?: string) => Promise<void>
  signOut: () => Promise<void>
  /** Asks the server again who is signed in. */
  recheck: () => void
  /** To be told of every failure of a query: an ended session leads back to the sign-in page. */
  report: (failure: Failure) => void
}

const Context = createContext<CallerContext | null>(null)
const CHANNEL = 'wangge.session'

/** Who is signed in, and what to do about it. */
export function useCallerContext(): CallerContext {
  const context = useContext(Context)
  if (context === null) throw new Error('useCallerContext outside of CallerProvider')
  return context
}

/** The caller, for screens that stand inside the frame. */
export function useCaller(): Caller {
  const { state } = useCallerContext()
  if (state.state !== 'ready') throw new Error('useCaller before the caller is known')
  return state.caller
}

/** Reads session and schema, and again when the language changes or another window signs in or out. */
export function CallerProvider({ language, children }: { language: string; children: ReactNode }) {
  const [session, setSession] = useState<Session | null | 'unknown'>('unknown')
  const [state, setState] = useState<CallerState>({ state: 'checking' })
  const [attempt, setAttempt] = useState(0)
  const channel = useRef<BroadcastChannel | null>(null)

  const recheck = useCallback(() => {
    setSession('unknown')
    setAttempt((count) => count + 1)
  }, [])

  useEffect(() => {
    const open = new BroadcastChannel(CHANNEL)
    open.addEventListener('message', recheck)
    channel.current = open
    return () => open.close()
  }, [recheck])

  useEffect(() => {
    if (session !== 'unknown') return
    return unlessStale(readSession(), setSession, (error) => setState({ state: 'failed', failure: failureOf(error) }))
  }, [session, attempt])

  useEffect(() => {
    if (session === 'unknown') return
    if (session === null) {
      setState((before) => ({ state: 'signed-out', ended: before.state === 'ready' }))
      return
    }
    if (session.pending !== null) {
      setState({ state: 'pending', session })
      return
    }
    return unlessStale(
      loadCaller(session, language),
      (caller) => setState({ state: 'ready', caller }),
      (error) => {
        const failure = failureOf(error)
        if (failure.kind === 'signed-out') setSession(null)
        else setState({ state: 'failed', failure })
      },
    )
  }, [session, language, attempt])

  const context = useMemo<CallerContext>(
    () => ({
      state,
      recheck,
      report: (failure) => {
        if (failure.kind === 'signed-out') setSession(null)
      },
      signIn: async (account, password, code) => {
        const opened = await openSession(account, password, code, language)
        setState({ state: 'checking' })
        setSession(opened)
        channel.current?.postMessage('signed in')
      },
      signOut: async () => {
        if (session === null || session === 'unknown') return
        await closeSession(session)
        setState({ state: 'checking' })
        setSession(null)
        channel.current?.postMessage('signed out')
      },
    }),
    [state, session, language, recheck],
  )
  return <Context.Provider value={context}>{children}</Context.Provider>
}

/** Everything about the caller that the frame needs, in two round trips at most. */
async function loadCaller(session: Session, language: string): Promise<Caller> {
  const client = createClient({ csrf: session.csrf }, language)
  const roots = await readRoots(client)
  const root = roots.find((field) => field.name === 'me')
  const me = root ? await readMe(client, namedType(root.type)) : { account: null, posts: null }
  return { session, client, me, registers: registersOf(roots) }
}

function unlessStale<T>(promise: Promise<T>, done: (value: T) => void, failed: (error: unknown) => void): () => void {
  let stale = false
  promise.then(
    (value) => !stale && done(value),
    (error: unknown) => !stale && failed(error),
  )
  return () => {
    stale = true
  }
}

export type Load<T> =
  | { state: 'waiting' }
  | { state: 'ready'; value: T; at: Date }
  | { state: 'failed'; failure: Failure }

/** Reads something with the caller's client; what is shown stays until the new answer is there. */
export function useLoad<T>(read: (client: Client) => Promise<T>): Load<T> & { reload: () => void } {
  const { client } = useCaller()
  const { report } = useCallerContext()
  const [load, setLoad] = useState<Load<T>>({ state: 'waiting' })
  const [attempt, setAttempt] = useState(0)
  const tell = useRef(report)
  tell.current = report
  useEffect(
    () =>
      unlessStale(
        read(client),
        (value) => setLoad({ state: 'ready', value, at: new Date() }),
        (error) => {
          const failure = failureOf(error)
          tell.current(failure)
          setLoad({ state: 'failed', failure })
        },
      ),
    [client, read, attempt],
  )
  const reload = useCallback(() => setAttempt((count) => count + 1), [])
  return { ...load, reload }
}
