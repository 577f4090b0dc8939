import { publisherConformance } from '../../src/testing/index.ts'
import { bundledWorker } from './messaging/bundle.ts'
import { embeddedHarness } from './messaging/embedded-harness.ts'
import { concurrently } from './messaging/runner.ts'

publisherConformance('embedded queue', embeddedHarness(await bundledWorker('embedded-worker')), concurrently)
