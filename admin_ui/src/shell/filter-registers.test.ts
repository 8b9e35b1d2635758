import { expect, test } from 'vitest'
import { filterRegisters } from './filter-registers'

const PERSONS = { field: 'persons', label: '人口', type: 'PersonConnection' }
const HOUSES = { field: 'houses', label: '房屋', type: 'HouseConnection' }

test.each([
  ['', [PERSONS, HOUSES]],
  ['  房 ', [HOUSES]],
  ['PERS', [PERSONS]],
  ['车辆', []],
])('"%s" finds by label or name', (wanted, found) => {
  expect(filterRegisters([PERSONS, HOUSES], wanted)).toEqual(found)
})
