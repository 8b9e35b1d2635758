/** The lattice as a drawing in the tones of the theme. */
import { useMemo } from 'react'
import { buildLattice } from './lattice'

/** A city divided into grids, one of them chosen. */
export function GridFigure({ label }: { label: string }) {
  const { width, height, cells, borders } = useMemo(buildLattice, [])
  return (
    <svg className="wg-figure" viewBox={`28 28 ${width - 56} ${height - 56}`} preserveAspectRatio="xMidYMid slice" role="img" aria-label={label}>
      {cells.map((cell) => (
        <polygon key={cell.points} points={cell.points} className={`wg-figure-${cell.tone}`} />
      ))}
      <path d={borders} className="wg-figure-border" />
    </svg>
  )
}
