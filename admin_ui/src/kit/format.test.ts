import { expect, test } from 'vitest'
import { formatCount, formatDate, formatDay, formatMoment } from './format'

test('moments stand in Shanghai time wherever the browser is', () => {
  expect(formatMoment('2026-11-23T06:05:09Z')).toBe('2026-11-23 14:05:09')
  expect(formatMoment('2026-11-23T16:00:00Z')).toBe('2026-11-24 00:00:00')
})

test('a day is the day in Shanghai', () => {
  expect(formatDate('2026-11-23T18:30:00Z')).toBe('2026-11-24')
})

test('what is no moment stays as it is', () => {
  expect(formatMoment('someday')).toBe('someday')
})

test('a day in running text has its weekday', () => {
  const day = new Date('2026-11-23T04:00:00Z')
  expect(formatDay(day, 'zh')).toBe('2026年11月23日 星期一')
  expect(formatDay(day, 'en')).toBe('Monday 23 November 2026')
})

test.each([
  [{ value: 1234, exact: true }, '1,234'],
  [{ value: 1000, exact: false }, '1000+'],
])('a count that stopped early says so', (count, text) => {
  expect(formatCount(count)).toBe(text)
})
