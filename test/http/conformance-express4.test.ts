import { describe, it } from 'vitest'
import { httpConformance } from '../../src/testing/index.ts'
import { expressHarness } from './harness/express.ts'

httpConformance('express 4', expressHarness({ version: 4, json: 'after' }), { describe, it })
