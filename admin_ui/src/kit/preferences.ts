/** What a person chose on this computer: language and appearance. Nothing else is kept in the browser. */
import { useSyncExternalStore } from 'react'

export type Language = 'zh' | 'en'
export type Appearance = 'light' | 'dark' | 'system'

export interface Preferences {
  language: Language
  appearance: Appearance
}

const KEY = 'wangge.preferences'
const CHANGED = 'wangge:preferences'

/** Chinese and the system's appearance, unless something else was chosen before. */
export function parsePreferences(stored: string | null): Preferences {
  let value: Partial<Record<keyof Preferences, unknown>> = {}
  try {
    value = (JSON.parse(stored ?? '{}') ?? {}) as typeof value
  } catch {
    // An unreadable entry counts as none.
  }
  return {
    language: value.language === 'en' ? 'en' : 'zh',
    appearance: value.appearance === 'light' || value.appearance === 'dark' ? value.appearance : 'system',
  }
}

/** The choices as they stand in this browser. */
export function readPreferences(): Preferences {
  return parsePreferences(readStored())
}

/** Stores a choice; every open window of the console follows. */
export function choose(change: Partial<Preferences>): void {
  localStorage.setItem(KEY, JSON.stringify({ ...readPreferences(), ...change }))
  window.dispatchEvent(new Event(CHANGED))
}

/** The choices, kept current when they change here or in another window. */
export function usePreferences(): Preferences {
  return parsePreferences(useSyncExternalStore(subscribe, readStored))
}

function readStored(): string | null {
  return localStorage.getItem(KEY)
}

function subscribe(listener: () => void): () => void {
  window.addEventListener('storage', listener)
  window.addEventListener(CHANGED, listener)
  return () => {
    window.removeEventListener('storage', listener)
    window.removeEventListener(CHANGED, listener)
  }
}
