import { describe, it } from 'vitest'
import { httpConformance } from '../../src/testing/index.ts'
import { fetchHarness } from './fetch-harness.ts'

httpConformance('fetch', fetchHarness, { describe, it })
