/** The sentence for a sign-in that did not succeed; it never tells whether the account exists. */
import type { TFunction } from 'i18next'
import { Problem, Unreachable } from '../../api/http'

/** Wrong pair, throttled, unreachable, or anything else. */
export function sentenceFor(error: unknown, t: TFunction): string {
  if (error instanceof Unreachable) return t('signIn.unreachable')
  if (!(error instanceof Problem)) return t('signIn.failed')
  if (error.code === 'auth.wrong_code') return t('signIn.wrongCode')
  if (error.code.startsWith('oidc.')) return error.detail
  if (error.status === 401) return t('signIn.refused')
  if (error.status === 429) {
    return error.retryAfter === null ? t('signIn.throttled') : t('signIn.throttledFor', { count: error.retryAfter })
  }
  return error.status >= 502 ? t('signIn.unreachable') : error.detail || t('signIn.failed')
}

/** Whether the password was right and a code of the authenticator is wanted, or another one. */
export function asksForCode(error: unknown): boolean {
  return error instanceof Problem && ['auth.code_required', 'auth.wrong_code'].includes(error.code)
}
