/** The figure of the sign-in page as numbers: a lattice with moved corners, in districts. Invented, of no real city. */

export interface Cell {
  /** `x,y` pairs for an SVG polygon. */
  points: string
  tone: 0 | 1 | 2 | 3
}

export interface Lattice {
  width: number
  height: number
  cells: Cell[]
  /** One SVG path of the borders between districts. */
  borders: string
}

const COLUMNS = 15
const ROWS = 17
const STEP = 56
const WANDER = 0.62
/** Middles of the districts, in cells. */
const MIDDLES = [
  [2.5, 2.6],
  [9.2, 1.6],
  [13.4, 6.2],
  [6.6, 6.8],
  [1.8, 9.4],
  [11.2, 11.4],
  [5.6, 13.4],
  [13.2, 15.6],
] as const
/** The district that is looked at, and the grid in it that is chosen. */
const LOOKED_AT = 3
const CHOSEN = [7, 6] as const

/** The same lattice each time. */
export function buildLattice(): Lattice {
  const cells: Cell[] = []
  let borders = ''
  for (let row = 0; row < ROWS; row++) {
    for (let column = 0; column < COLUMNS; column++) {
      const district = districtOf(column, row)
      cells.push({ points: corners(column, row), tone: toneOf(column, row, district) })
      if (column > 0 && districtOf(column - 1, row) !== district) borders += line(column, row, column, row + 1)
      if (row > 0 && districtOf(column, row - 1) !== district) borders += line(column, row, column + 1, row)
    }
  }
  return { width: COLUMNS * STEP, height: ROWS * STEP, cells, borders }
}

function toneOf(column: number, row: number, district: number): Cell['tone'] {
  if (column === CHOSEN[0] && row === CHOSEN[1]) return 3
  if (district === LOOKED_AT) return 2
  return noise(district, 7) > 0.5 ? 1 : 0
}

function districtOf(column: number, row: number): number {
  const distances = MIDDLES.map(([x, y]) => Math.hypot(column + 0.5 - x, (row + 0.5 - y) * 1.1))
  return distances.indexOf(Math.min(...distances))
}

function corners(column: number, row: number): string {
  return [corner(column, row), corner(column + 1, row), corner(column + 1, row + 1), corner(column, row + 1)].join(' ')
}

function corner(column: number, row: number): string {
  const x = (column + (noise(column, row) - 0.5) * WANDER) * STEP
  const y = (row + (noise(row + 31, column + 17) - 0.5) * WANDER) * STEP
  return `${x.toFixed(1)},${y.toFixed(1)}`
}

function line(fromColumn: number, fromRow: number, toColumn: number, toRow: number): string {
  return `M${corner(fromColumn, fromRow)}L${corner(toColumn, toRow)}`
}

/** A number in 0..1 that looks random and never changes. */
function noise(a: number, b: number): number {
  const value = Math.sin(a * 127.1 + b * 311.7) * 43758.5453
  return value - Math.floor(value)
}
