import type { TFunction } from 'i18next'
import { expect, test } from 'vitest'
import { Problem, Unreachable } from '../../api/http'
import { asksForCode, sentenceFor } from './refusal'

const t = ((key: string) => key) as unknown as TFunction

test.each([
  ['a wrong pair is refused without telling which half was wrong', new Problem(401, 'auth.wrong_password', 'x', null), 'signIn.refused'],
  ['too many attempts name the seconds to wait', new Problem(429, 'auth.throttled', 'x', 30), 'signIn.throttledFor'],
  ['too many attempts without a number', new Problem(429, 'auth.throttled', 'x', null), 'signIn.throttled'],
  ['a wrong code of the second factor', new Problem(401, 'auth.wrong_code', 'x', null), 'signIn.wrongCode'],
  ['no answer', new Unreachable('x'), 'signIn.unreachable'],
  ['a proxy without a server behind it', new Problem(502, '', '', null), 'signIn.unreachable'],
  ['what the server says about anything else', new Problem(422, 'request.malformed', 'too long', null), 'too long'],
  ['an error of our own', new TypeError('x'), 'signIn.failed'],
])('%s', (_, error, sentence) => {
  expect(sentenceFor(error, t)).toBe(sentence)
})

test.each([
  ['auth.code_required', true],
  ['auth.wrong_code', true],
  ['auth.wrong_password', false],
])('%s asks for a code: %s', (code, asked) => {
  expect(asksForCode(new Problem(401, code, '', null))).toBe(asked)
})
