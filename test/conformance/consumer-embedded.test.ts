import { consumerConformance } from '../../src/testing/index.ts'
import { bundled } from '../support/bundle.ts'
import { embeddedHarness } from './messaging/embedded-harness.ts'
import { concurrently } from './messaging/runner.ts'

consumerConformance(
  'embedded queue',
  embeddedHarness(await bundled('test/conformance/messaging/embedded-worker.ts')),
  concurrently,
)
