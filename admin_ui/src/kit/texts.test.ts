import { expect, test } from 'vitest'
import en from './texts/en.json'
import zh from './texts/zh.json'

/** All keys with their texts; English and Chinese may need different plural forms. */
function entries(texts: object, before = ''): [string, string][] {
  return Object.entries(texts).flatMap(([key, value]) =>
    typeof value === 'string' ? [[before + key, value] as [string, string]] : entries(value as object, `${before}${key}.`),
  )
}

test('both languages have the same texts', () => {
  expect(entries(en).map(([key]) => key)).toEqual(entries(zh).map(([key]) => key))
})

test('both languages fill in the same values', () => {
  const values = (texts: object) => entries(texts).map(([key, text]) => [key, ...(text.match(/\{\{\w+\}\}/g) ?? []).sort()].join(' '))
  expect(values(en)).toEqual(values(zh))
})

test.each(['居民画像', '重点人员', '黑名单'])('%s is a word that this product does not use', (word) => {
  expect(entries(zh).filter(([, text]) => text.includes(word))).toEqual([])
})
