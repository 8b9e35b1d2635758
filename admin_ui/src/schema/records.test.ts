import { expect, test } from 'vitest'
import { columnsOf } from './records'

const field = (name: string, type: string, description: string | null, kind = 'SCALAR') => ({ name, description, args: [], type: { kind, name: type } })

test('columns are the described values, a code by its label', () => {
  const fields = [
    field('id', 'ID', null),
    field('name', 'String', '姓名'),
    field('sex', 'String', '性别'),
    field('sexLabel', 'String', null),
    field('home', 'Room', '住所', 'OBJECT'),
    field('outline', 'JSON', '轮廓'),
    field('bornOn', 'Date', '出生日期'),
  ]
  expect(columnsOf(fields)).toEqual([
    { field: 'name', label: '姓名', type: 'String' },
    { field: 'sexLabel', label: '性别', type: 'String' },
    { field: 'bornOn', label: '出生日期', type: 'Date' },
  ])
})
