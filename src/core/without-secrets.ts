/**
 * A URL as a message may show it: without what stands before its last `@`, in its query and in its fragment, where
 * passwords and tokens are. A password may hold every character that would end it in a right URL.
 */
export function withoutSecrets(url: string): string {
  return url.replace(/^((?:[a-z][a-z+.-]*:)?(?:\/\/)?).*@/is, '$1…@').replace(/([?#]).*/s, '$1…')
}
