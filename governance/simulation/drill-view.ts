/** Drills as operators see them. Reads only. */
import type { JobResult } from '../../contracts/index.ts';
import type { Cmk } from '../context.ts';
import { cursorOf, instantOrNull, limitOf, type Page, type PageRequest, toPage } from '../domain/pages.ts';
import { CmkError } from '../errors.ts';
import type { Drill, DrillRegion, DrillRegionState, DrillState } from '../store/simulation-tables.ts';
import { type Measured, measured, measuresOf, type RegionMeasures } from './measures.ts';
import { asReader, type Reading } from './reading.ts';
import { placeOf } from './simulations.ts';

export interface DrillRegionView extends RegionMeasures {
  region: string;
  state: DrillRegionState;
  cutJob: string;
  cutError: string | null;
  /** The region's own words. */
  cut: JobResult<'DRILL_CUT'> | null;
  restoreJob: string | null;
  restoreError: string | null;
  restored: JobResult<'DRILL_RESTORE'> | null;
}

export interface DrillView extends Measured {
  id: string;
  tenant: string;
  service: string | null;
  state: DrillState;
  startedBy: string;
  startedAt: string;
  /** When governance ends it, and when regions do so by themselves. */
  restoreAt: string;
  until: string;
  stoppedBy: string | null;
  restoringAt: string | null;
  endedAt: string | null;
  correlationId: string;
  regions: DrillRegionView[];
}

/** Throws DRILL_UNKNOWN. */
export async function getDrill(cmk: Cmk, tenant: string, id: string): Promise<DrillView> {
  return await asReader(cmk.db, tenant, async (reading) => {
    const drill = await reading
      .selectFrom('drills')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('id', '=', id)
      .executeTakeFirst();
    if (drill === undefined) throw new CmkError('DRILL_UNKNOWN', `${tenant} has no drill ${id}`);
    return toView(drill, await regionsOf(reading, [id]));
  });
}

/** Newest first. Throws TENANT_UNKNOWN. */
export async function listDrills(cmk: Cmk, tenant: string, page: PageRequest): Promise<Page<DrillView>> {
  return await asReader(cmk.db, tenant, async (reading) => {
    const known = await reading
      .selectFrom('tenants')
      .select('tenant')
      .where('tenant', '=', tenant)
      .executeTakeFirst();
    if (known === undefined) throw new CmkError('TENANT_UNKNOWN', `there is no tenant ${tenant}`);
    let query = reading
      .selectFrom('drills')
      .selectAll()
      .where('tenant', '=', tenant)
      .orderBy('started_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limitOf(page) + 1);
    const after = cursorOf(page);
    if (after !== undefined) {
      const { at, id } = placeOf(after);
      query = query.where((eb) =>
        eb.or([eb('started_at', '<', at), eb.and([eb('started_at', '=', at), eb('id', '<', id)])]),
      );
    }
    const rows = await query.execute();
    const regions = await regionsOf(
      reading,
      rows.map(({ id }) => id),
    );
    return toPage(
      rows,
      page,
      ({ started_at, id }) => `${started_at.toISOString()} ${id}`,
      (row) => toView(row, regions),
    );
  });
}

async function regionsOf(reading: Reading, drills: readonly string[]): Promise<DrillRegion[]> {
  if (drills.length === 0) return [];
  return await reading
    .selectFrom('drill_regions')
    .selectAll()
    .where('drill', 'in', [...drills])
    .orderBy('region')
    .execute();
}

function toView(drill: Drill, all: readonly DrillRegion[]): DrillView {
  const regions = all.filter((row) => row.drill === drill.id);
  return {
    id: drill.id,
    tenant: drill.tenant,
    service: drill.service === '' ? null : drill.service,
    state: drill.state,
    startedBy: drill.started_by,
    startedAt: drill.started_at.toISOString(),
    restoreAt: drill.restore_at.toISOString(),
    until: drill.until.toISOString(),
    stoppedBy: drill.stopped_by,
    restoringAt: instantOrNull(drill.restoring_at),
    endedAt: instantOrNull(drill.ended_at),
    correlationId: drill.correlation_id,
    ...measured(regions),
    regions: regions.map((row) => ({
      region: row.region,
      state: row.state,
      cutJob: row.cut_job,
      cutError: row.cut_error,
      cut: row.cut,
      restoreJob: row.restore_job,
      restoreError: row.restore_error,
      restored: row.restored,
      ...measuresOf(row),
    })),
  };
}
