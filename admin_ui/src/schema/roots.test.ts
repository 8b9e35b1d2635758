import { expect, test } from 'vitest'
import { labelOf, type RootField, registersOf } from './roots'

const field = (name: string, type: string, description: string | null = null, required = false): RootField => ({
  name,
  description,
  type: { kind: 'OBJECT', name: type },
  args: required ? [{ name: 'id', defaultValue: null, type: { kind: 'NON_NULL' } }] : [],
})

test('registers are the connections without a required argument, called as their record is', () => {
  const fields = [field('area', 'Area', '区域', true), field('areas', 'AreaConnection'), field('flows', 'FlowConnection', null, true)]
  expect(registersOf(fields)).toEqual([{ field: 'areas', label: '区域', type: 'AreaConnection' }])
})

test.each([
  [{ name: 'persons', description: 'Residents.\nAll of them.' }, 'Residents'],
  [{ name: 'personPhones', description: null }, 'Person phones'],
])('a label is the first line of the description, else the name in words', (given, label) => {
  expect(labelOf(given)).toBe(label)
})
