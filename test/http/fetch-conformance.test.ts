import { describe, it } from 'vitest'
import { httpConformance } from '../../src/testing/index.ts'
import { fetchAdapter } from './fetch-site.ts'
import { onNode } from './on-node.ts'

httpConformance('fetch', onNode(fetchAdapter), { describe, it })
