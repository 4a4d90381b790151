import { expect, test } from 'vitest';

import { judgeMarker, settingsDigest } from './marker.ts';
import type { Marker } from './marker.ts';

const installation = 'd209e9cc-c753-4c80-a2ee-f9c7e337f4dc';
const commandId = '3f8b2f2e-86f5-4a53-9a57-3f0c6c2f8d10';

test('an index whose marker is at the checkpoint is in step', () => {
  expect(judged({ position: 70n }, 70n)).toEqual({ verdict: 'in step' });
});

test('a marker that is ahead is of a page whose checkpoint was lost: it is in step and the page is written again', () => {
  expect(judged({ position: 90n }, 70n)).toEqual({ verdict: 'in step' });
});

test('an older index is filled from where it is', () => {
  expect(judged({ position: 40n }, 70n)).toEqual({ verdict: 'behind', from: { position: 40n, commandId } });
});

test('an index that is gone or empty is made anew and filled from the beginning', () => {
  const verdict = judgeMarker({
    marker: undefined,
    inLog: false,
    installation,
    checkpoint: { position: 70n, commandId },
  });
  expect(verdict).toEqual({ verdict: 'unprepared', from: { position: 0n, commandId: null } });
});

test('an index of other settings is settled anew and goes on from where it is', () => {
  expect(judged({ position: 40n, settings: 'older' }, 70n)).toMatchObject({
    verdict: 'unprepared',
    from: { position: 40n },
  });
  expect(judged({ position: 70n, settings: 'older' }, 70n)).toMatchObject({
    verdict: 'unprepared',
    from: { position: 70n },
  });
});

test('an index of another installation, or of a log that has since been restored to an older day, has to go', () => {
  expect(judged({ installation: 'another' }, 70n)).toEqual({ verdict: 'foreign' });
  expect(judged({}, 70n, false)).toEqual({ verdict: 'foreign' });
});

function judged(marker: Partial<Marker>, position: bigint, inLog = true) {
  return judgeMarker({
    marker: { installation, position: 70n, command_id: commandId, settings: settingsDigest, ...marker },
    inLog,
    installation,
    checkpoint: { position, commandId },
  });
}
