/** A box with its label above and what is wrong with it below. */

import { type ReactNode } from 'react'

interface LabelledProps {
  id: string
  label: string
  mistake: string | null
  children: ReactNode
}

/** The label of a box. */
export function Labelled({ id, label, mistake, children }: LabelledProps) {
  return (
    <div className="wg-labelled">
      <label htmlFor={id}>{label}</label>
      {children}
      {mistake ? (
        <p className="wg-mistake" id={`${id}-mistake`} role="alert">
          {mistake}
        </p>
      ) : null}
    </div>
  )
}
