/**
 * Returns a URL for a message, without the parts where passwords and tokens are: what precedes the last `@`, the query
 * and the fragment. The last `@`, because a password may contain any character, even those that a URL must escape.
 */
export function withoutSecrets(url: string): string {
  const shown = url.replace(/^((?:[a-z][a-z+.-]*:)?(?:\/\/)?).*@/is, '$1…@').replace(/([?#]).*/s, '$1…')
  const [, scheme, hosts, first] = HOSTS.exec(shown) ?? []
  if (scheme === undefined || shown.includes('@') || hosts?.split(',').every((host) => HOST.test(host))) return shown
  return `${scheme}${first}:…`
}

const HOSTS = /^([a-z][a-z+.-]*:\/\/)(([^:/?#]*)[^/?#]*)/is
/** A host with an optional port. A URL that lacks its host has `user:password` there, which does not match. */
const HOST = /^(?:\[[^\]]*\]|[^:]*)(?::\d*)?$/
