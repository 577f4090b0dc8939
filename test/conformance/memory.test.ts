import { describe, it } from 'vitest'
import { storeConformance } from '../../src/testing/index.ts'
import { openMemory } from '../support/opened.ts'

storeConformance('memory', { open: openMemory }, { describe, it })
