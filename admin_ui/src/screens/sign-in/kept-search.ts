/** The search of the sign-in page, kept in this tab while the browser is at the identity provider. */
const KEY = 'wangge.sign-in.search'

/** Remember it. */
export function keepSearch(search: string): void {
  try {
    sessionStorage.setItem(KEY, search)
  } catch {
    // Without storage one lands on the workbench.
  }
}

/** What was remembered. */
export function keptSearch(): string | null {
  try {
    return sessionStorage.getItem(KEY)
  } catch {
    return null
  }
}
