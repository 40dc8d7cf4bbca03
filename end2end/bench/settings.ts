// What is measured, as the environment says; see render.bench.ts.

import { SUBJECT_NAMES, type SubjectName } from './subjects.ts';

export const SUBJECTS: readonly SubjectName[] = list('SUBJECTS', SUBJECT_NAMES.join(',')).map(subject);
export const RATES: readonly number[] = list('RATES', '1,4').map((rate) => positive('RATES', rate));
export const SIZE_KB = positive('SIZE_KB', process.env['SIZE_KB'] ?? '100');
export const REPEAT = positive('REPEAT', process.env['REPEAT'] ?? '1');

function list(name: string, otherwise: string): string[] {
  return (process.env[name] ?? otherwise).split(',').map((word) => word.trim());
}

function positive(name: string, word: string): number {
  const number = Number(word);
  if (!(number > 0)) {
    throw new Error(`${name} has to be a positive number, and is ${word}.`);
  }
  return number;
}

function subject(word: string): SubjectName {
  const found = SUBJECT_NAMES.find((name) => name === word);
  if (found === undefined) {
    throw new Error(`SUBJECTS may be ${SUBJECT_NAMES.join(', ')}, and has ${word}.`);
  }
  return found;
}
