/** The address one came for is kept over the sign-in, as a path of the console and nothing else. */

/** The sign-in page that leads back to where one was. */
export function signInAddress(location: string, search: string): string {
  const next = search ? `${location}?${search}` : location
  return next === '/' ? '/sign-in' : `/sign-in?next=${encodeURIComponent(next)}`
}

/** Where to go after signing in; anything but a path inside the console leads to the 工作台. `kept` is the search before a way round. */
export function addressAfterSignIn(search: string, kept: string | null = null): string {
  const next = new URLSearchParams(search).get('next') ?? new URLSearchParams(kept ?? '').get('next') ?? '/'
  const inside = /^\/(?![/\\])[^\\]*$/.test(next) && !/^\/sign-in(?![\w-])/.test(next)
  return inside ? next : '/'
}
