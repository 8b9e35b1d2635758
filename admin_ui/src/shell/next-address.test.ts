import { expect, test } from 'vitest'
import { addressAfterSignIn, signInAddress } from './next-address'

test('the address one came for survives the sign-in with its filters', () => {
  const door = signInAddress('/registers/persons', 'name=张&page=2')
  expect(addressAfterSignIn(door.slice(door.indexOf('?')))).toBe('/registers/persons?name=张&page=2')
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
