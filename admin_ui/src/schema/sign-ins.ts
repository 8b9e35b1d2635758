/** The caller's own sessions. */
import type { Client } from '@urql/core'

export interface SessionOfMine {
  id: string
  createdAt: string
  address: string | null
  current: boolean
}

const SESSIONS = `query MySessions { mySessions { id createdAt address current } }`
const END = `mutation EndSession($id: ID!) { endSession(id: $id) { errors { message } } }`

/** The sessions that work, the newest first; throws the error of the query. */
export async function readSessions(client: Client): Promise<SessionOfMine[]> {
  const answer = await client.query<{ mySessions: SessionOfMine[] }>(SESSIONS, {}).toPromise()
  if (!answer.data) throw answer.error ?? new Error('no data')
  return answer.data.mySessions
}

/** Ends one of them within a second; throws the error of the mutation. */
export async function endSession(client: Client, id: string): Promise<void> {
  const answer = await client.mutation<{ endSession: { errors: { message: string }[] } | null }>(END, { id }).toPromise()
  const wrong = answer.data?.endSession?.errors[0]
  if (answer.error || wrong) throw answer.error ?? new Error(wrong?.message)
}
