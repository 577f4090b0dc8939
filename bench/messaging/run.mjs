// Consumers and relay beside the same work without us, on private servers. Never a test.
//   npm run bench:messaging [-- --only NAME] [--seconds N] [--json FILE] [--write]
import { runSections } from '../sections.mjs'
import { versions } from '../stores/versions.mjs'
import { consuming } from './consuming.mjs'
import { inboxes } from './inboxes.mjs'
import { relaying } from './relaying.mjs'

await runSections(
  [inboxes, consuming, relaying],
  new URL('../../docs/reference/performance-messaging.md', import.meta.url),
  versions,
)
