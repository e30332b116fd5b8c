/** The script of an experiment's page: builds it from the data that stands in it. */
import type { PageData } from '../page.ts'
import { heading, overview } from './overview.ts'
import { resultSection } from './result.ts'
import { runSection } from './runs.ts'

const data = JSON.parse(document.getElementById('data')!.textContent!) as PageData

document.body.append(heading(data), resultSection(data), runSection(data), overview(data))
