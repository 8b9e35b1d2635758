/** How many rows each register holds for the caller, at most a thousand counted. */
import type { Client } from '@urql/core'
import { failureOf } from '../api/graphql'

export interface Count {
  value: number
  /** false when there are more than were counted. */
  exact: boolean
}

/** Root fields in one document; roles have a limit on them. */
const BATCH = 8

type Answer = Record<string, { totalCount: Count } | null>

/** One document that counts the given connections. */
export function countsDocument(fields: readonly string[]): string {
  return `query Counts { ${fields.map((field) => `${field} { totalCount(limit: 1000) { value exact } }`).join(' ')} }`
}

/** Counts per root field; null where this register could not be counted. Throws when the server is gone or the session ended. */
export async function readCounts(client: Client, fields: readonly string[]): Promise<Map<string, Count | null>> {
  const batches: string[][] = []
  for (let start = 0; start < fields.length; start += BATCH) batches.push(fields.slice(start, start + BATCH))
  const parts = await Promise.all(batches.map((batch) => countBatch(client, batch)))
  return new Map(parts.flatMap((part) => [...part]))
}

async function countBatch(client: Client, fields: readonly string[]): Promise<Map<string, Count | null>> {
  const { data, error } = await client.query<Answer>(countsDocument(fields), {}).toPromise()
  if (error && failureOf(error).kind !== 'refused') throw error
  if (!data && fields.length > 1) {
    // One register that cannot be counted must not hide the others.
    const singles = await Promise.all(fields.map((field) => countBatch(client, [field])))
    return new Map(singles.flatMap((single) => [...single]))
  }
  return new Map(fields.map((field) => [field, data?.[field]?.totalCount ?? null]))
}
