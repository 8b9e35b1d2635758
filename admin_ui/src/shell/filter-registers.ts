/** The registers whose label or field name contains what was typed, blanks at the ends and case aside. */
import type { Register } from '../schema/roots'

/** Nothing typed finds all of them. */
export function filterRegisters(registers: readonly Register[], wanted: string): Register[] {
  const text = wanted.trim().toLowerCase()
  return registers.filter((register) => `${register.label} ${register.field}`.toLowerCase().includes(text))
}
