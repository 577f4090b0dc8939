// Consumers and relay, compared with the same work without onlyonce and with other libraries. Never a test.
//   npm run bench:messaging [-- --only NAME] [--seconds N] [--json FILE] [--write]
import { runSections } from '../sections.mjs'
import { versions } from '../stores/versions.mjs'
import { consuming } from './consuming.mjs'
import { inboxes } from './inboxes.mjs'
import { relaying } from './relaying.mjs'
import { queue } from './vs/queue.mjs'
import { relay } from './vs/relay.mjs'
import { rivalVersions } from './vs/rivals.mjs'

await runSections(
  [inboxes, consuming, relaying, queue, relay],
  new URL('../../docs/reference/performance-messaging.md', import.meta.url),
  async (servers) => ({ ...(await versions(servers)), ...rivalVersions() }),
)
