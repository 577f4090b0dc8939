/**
 * A URL as a message may show it: without what stands before its last `@`, in its query and in its fragment, where
 * passwords and tokens are. A password may hold every character that would end it in a right URL.
 */
export function withoutSecrets(url: string): string {
  const shown = url.replace(/^((?:[a-z][a-z+.-]*:)?(?:\/\/)?).*@/is, '$1…@').replace(/([?#]).*/s, '$1…')
  const [, scheme, hosts, first] = HOSTS.exec(shown) ?? []
  if (scheme === undefined || shown.includes('@') || hosts?.split(',').every((host) => HOST.test(host))) return shown
  return `${scheme}${first}:…`
}

const HOSTS = /^([a-z][a-z+.-]*:\/\/)(([^:/?#]*)[^/?#]*)/is
/** Where the host was forgotten, a user and a password stand in its place. */
const HOST = /^(?:\[[^\]]*\]|[^:]*)(?::\d*)?$/
