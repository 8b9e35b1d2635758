import { expect, test } from 'vitest'
import { buildLattice } from './lattice'

test('the figure is the same each time', () => {
  expect(buildLattice()).toEqual(buildLattice())
})

test('one cell of the lattice is chosen, within the one district that is looked at', () => {
  const { cells } = buildLattice()
  const counts = [0, 1, 2, 3].map((tone) => cells.filter((cell) => cell.tone === tone).length)
  expect(cells).toHaveLength(15 * 17)
  expect(counts[3]).toBe(1)
  expect(counts.every((count) => count > 0)).toBe(true)
})

test('neighbouring cells share their corners, so that no gap shows', () => {
  const { cells } = buildLattice()
  const corners = (index: number): string[] => cells[index]?.points.split(' ') ?? []
  expect([corners(0)[1], corners(0)[2]]).toEqual([corners(1)[0], corners(1)[3]])
})
