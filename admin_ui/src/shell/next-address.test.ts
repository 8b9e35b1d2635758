import { expect, test } from 'vitest'
import { addressAfterSignIn, signInAddress } from './next-address'

test('the address one came for survives the sign-in with its filters', () => {
  const door = signInAddress('/registers/persons', 'name=张&page=2')
  expect(addressAfterSignIn(door.slice(door.indexOf('?')))).toBe('/registers/persons?name=张&page=2')
})

test('the own sign-ins are a page like any other', () => {
  expect(addressAfterSignIn('?next=/sign-ins')).toBe('/sign-ins')
})

test('the landing page needs no mention', () => {
  expect(signInAddress('/', '')).toBe('/sign-in')
})

test.each(['//elsewhere.example', '/\\elsewhere.example', 'https://elsewhere.example', 'javascript:alert(1)', '/sign-in?next=/', ''])(
  'anything but a path of the console leads to the landing page: %s',
  (next) => {
    expect(addressAfterSignIn(`?next=${encodeURIComponent(next)}`)).toBe('/')
  },
)

test('the address one came for is kept over the way through the identity provider', () => {
  const door = signInAddress('/registers/persons', '')
  const kept = door.slice(door.indexOf('?'))
  expect(addressAfterSignIn('', kept)).toBe('/registers/persons')
  expect(addressAfterSignIn('', '?next=//elsewhere.example')).toBe('/')
})
