/** What simulations and drills added to the CMK schema; plain SQL, as the rest of it (migrations.ts). */
import type { ColumnType, Generated, Selectable } from 'kysely';
import type { JobResult } from '../../contracts/index.ts';
import type { Facts } from '../simulation/fact-types.ts';
import type { Subject } from '../simulation/outcomes.ts';

type Json<T> = ColumnType<T, string, string>;

/** A question, what governance knew when it was asked, and by whom. The facts are kept: the report is evidence. */
export interface SimulationRow {
  id: string;
  tenant: string;
  subject: Json<Subject>;
  facts: Json<Facts>;
  asked_by: string;
  correlation_id: string;
  asked_at: Date;
}

export const questions = ['keys', 'use'] as const;
export type Question = (typeof questions)[number];

/** What a region was asked for a simulation, and what it said. */
export interface SimulationAnswerRow {
  tenant: string;
  simulation: string;
  region: string;
  question: Question;
  job: string;
  answer: Json<JobResult<'KEY_INSPECT'> | JobResult<'USE_INSPECT'>> | null;
  /** Why there is no answer and will be none; null while there may. */
  error: string | null;
  answered_at: Date | null;
}

/** What may be cut off by a drill. Nothing becomes a target that anything stands on (targets.ts). */
export interface DrillTargetRow {
  id: string;
  tenant: string;
  /** '': the whole tenant. */
  service: string;
  designated_by: string;
  designated_at: Generated<Date>;
  withdrawn_by: string | null;
  withdrawn_at: Date | null;
}

export type DrillState = 'running' | 'restoring' | 'ended';

export interface DrillRow {
  id: string;
  tenant: string;
  /** '': the whole tenant. */
  service: string;
  /** A drill without a designated target cannot be written down. */
  target: string;
  state: DrillState;
  started_by: string;
  correlation_id: string;
  started_at: Date;
  /** When governance has the regions restore it. */
  restore_at: Date;
  /** When each region restores it by itself, heard from governance or not. */
  until: Date;
  /** Who has ended it before its time; null: nobody. */
  stopped_by: string | null;
  restoring_at: Date | null;
  ended_at: Date | null;
}

export type DrillRegionState = 'cutting' | 'cut' | 'restoring' | 'restored' | 'failed';

export interface DrillRegionRow {
  tenant: string;
  drill: string;
  region: string;
  state: DrillRegionState;
  cut_job: string;
  asked_at: Date;
  cut_answered_at: Date | null;
  cut: Json<JobResult<'DRILL_CUT'>> | null;
  /** Why the region has cut nobody off. */
  cut_error: string | null;
  restore_job: string | null;
  restore_asked_at: Date | null;
  restore_answered_at: Date | null;
  restored: Json<JobResult<'DRILL_RESTORE'>> | null;
  /** Why the region has not confirmed; what was cut came back at `until` all the same. */
  restore_error: string | null;
}

export type Simulation = Selectable<SimulationRow>;
export type SimulationAnswer = Selectable<SimulationAnswerRow>;
export type DrillTarget = Selectable<DrillTargetRow>;
export type Drill = Selectable<DrillRow>;
export type DrillRegion = Selectable<DrillRegionRow>;

/** Tables with a `tenant` column: each gets row-level security as the others have it (D13). */
export const SIMULATION_TENANT_TABLES = [
  'simulations',
  'simulation_answers',
  'drill_targets',
  'drills',
  'drill_regions',
] as const;

export const SIMULATION_TABLES = `
CREATE TABLE simulations (
  id uuid PRIMARY KEY,
  tenant text NOT NULL REFERENCES tenants,
  subject jsonb NOT NULL,
  facts jsonb NOT NULL,
  asked_by text NOT NULL,
  correlation_id text NOT NULL,
  asked_at timestamptz NOT NULL
);
CREATE INDEX simulations_by_tenant ON simulations (tenant, asked_at);
CREATE TABLE simulation_answers (
  tenant text NOT NULL REFERENCES tenants,
  simulation uuid NOT NULL REFERENCES simulations ON DELETE CASCADE,
  region text NOT NULL REFERENCES regions,
  question text NOT NULL CHECK (question IN ('keys', 'use')),
  job uuid NOT NULL,
  answer jsonb,
  error text,
  answered_at timestamptz,
  PRIMARY KEY (simulation, region, question),
  CHECK ((answered_at IS NULL) = (answer IS NULL AND error IS NULL))
);
CREATE INDEX simulation_answers_awaited ON simulation_answers (tenant, region, question) WHERE answered_at IS NULL;
CREATE TABLE drill_targets (
  id uuid PRIMARY KEY,
  tenant text NOT NULL REFERENCES tenants,
  service text NOT NULL,
  designated_by text NOT NULL,
  designated_at timestamptz NOT NULL DEFAULT now(),
  withdrawn_by text,
  withdrawn_at timestamptz,
  UNIQUE (id, tenant),
  CHECK ((withdrawn_by IS NULL) = (withdrawn_at IS NULL))
);
CREATE UNIQUE INDEX drill_targets_once ON drill_targets (tenant, service) WHERE withdrawn_at IS NULL;
CREATE TABLE drills (
  id uuid PRIMARY KEY,
  tenant text NOT NULL REFERENCES tenants,
  service text NOT NULL,
  target uuid NOT NULL,
  state text NOT NULL CHECK (state IN ('running', 'restoring', 'ended')),
  started_by text NOT NULL,
  correlation_id text NOT NULL,
  started_at timestamptz NOT NULL,
  restore_at timestamptz NOT NULL,
  until timestamptz NOT NULL,
  stopped_by text,
  restoring_at timestamptz,
  ended_at timestamptz,
  FOREIGN KEY (target, tenant) REFERENCES drill_targets (id, tenant),
  CHECK (restore_at > started_at AND until > restore_at),
  CHECK ((state = 'running') = (restoring_at IS NULL)),
  CHECK ((state = 'ended') = (ended_at IS NOT NULL))
);
CREATE UNIQUE INDEX drills_one_at_a_time ON drills (tenant) WHERE state <> 'ended';
CREATE INDEX drills_to_restore ON drills (restore_at) WHERE state = 'running';
CREATE INDEX drills_by_tenant ON drills (tenant, started_at);
CREATE TABLE drill_regions (
  tenant text NOT NULL REFERENCES tenants,
  drill uuid NOT NULL REFERENCES drills ON DELETE CASCADE,
  region text NOT NULL REFERENCES regions,
  state text NOT NULL CHECK (state IN ('cutting', 'cut', 'restoring', 'restored', 'failed')),
  cut_job uuid NOT NULL,
  asked_at timestamptz NOT NULL,
  cut_answered_at timestamptz,
  cut jsonb,
  cut_error text,
  restore_job uuid,
  restore_asked_at timestamptz,
  restore_answered_at timestamptz,
  restored jsonb,
  restore_error text,
  PRIMARY KEY (drill, region),
  CHECK (state NOT IN ('restoring', 'restored') OR restore_job IS NOT NULL)
);
`;

/** Whoever put something on a target before it took a word to do so (simulation/targets.ts) was not asked for that word. */
export const WITHDRAW_TARGETS_IN_USE = `
SELECT set_config('okcm.scope', 'platform', true);
UPDATE drill_targets t SET withdrawn_by = 'system:migration', withdrawn_at = now()
  WHERE withdrawn_at IS NULL AND (
    EXISTS (SELECT FROM applications a WHERE a.tenant = t.tenant AND (t.service = '' OR t.service = ANY (a.services)))
    OR t.service = '' AND EXISTS (SELECT FROM links l WHERE l.tenant = t.tenant));
SELECT set_config('okcm.scope', '', true);
`;
