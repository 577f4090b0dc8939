// Checked by the compiler (`npm run types`), never run.
import * as nodeTest from 'node:test'
import * as vitest from 'vitest'
import { expectTypeOf } from 'vitest'
import type { TestRunner } from '../../src/testing/index.ts'

// The real runners fit the shape that the conformance suite takes.
expectTypeOf({ describe: nodeTest.describe, it: nodeTest.it }).toExtend<TestRunner>()
expectTypeOf({ describe: vitest.describe, it: vitest.it }).toExtend<TestRunner>()
