import { useState } from 'preact/hooks';
import { problemText } from '../problem';
import { copy, download, transcriptText } from '../transcript-file';
import { type Visit, durationSeconds } from '../visit';
import { usePage } from './page';
import { Lines } from './transcript';
import { clock } from './welcome';

interface Props {
  visit: Visit;
  again(): void;
  back(): void;
}

/** What is left of a call: how long, why it ended, what was said. */
export function After({ visit, again, back }: Props) {
  const { texts } = usePage();
  const { lines, problem, end } = visit;
  return (
    <div class="after">
      <h1 tabIndex={-1}>{texts(problem ? 'after.title.broken' : 'after.title')}</h1>
      {end && (
        <p id="end-reason" class="lead" data-reason={end}>
          {texts(`end.${end}`)}
        </p>
      )}
      {problem && (
        <p id="error" class="problem" role="alert">
          {problemText(texts, problem, Date.now())}
        </p>
      )}
      <dl class="facts">
        <dt>{texts('after.duration')}</dt>
        <dd id="duration">{clock(durationSeconds(visit))}</dd>
      </dl>
      <div class="buttons">
        <button id="call-again" class="primary" type="button" onClick={again}>
          {texts('after.again')}
        </button>
        <button id="back" class="secondary" type="button" onClick={back}>
          {texts('after.back')}
        </button>
      </div>
      <section class="card kept" aria-labelledby="kept-title">
        <div class="kept-head">
          <h2 id="kept-title">{texts('after.transcript')}</h2>
          {lines.length > 0 && <Keep visit={visit} />}
        </div>
        {lines.length > 0 ? <Lines lines={lines} /> : <p class="hint">{texts('after.transcript.none')}</p>}
      </section>
    </div>
  );
}

/** The transcript is in this page alone: whoever wants it takes it along. */
function Keep({ visit }: { visit: Visit }) {
  const { texts } = usePage();
  const [copied, setCopied] = useState<boolean>();
  const names = { agent: texts('session.agent'), visitor: texts('session.visitor') };
  const text = () => transcriptText(visit.lines, names);
  const file = `${texts('after.file')}-${new Date(visit.endedAt ?? 0).toISOString().slice(0, 10)}.txt`;
  return (
    <>
      <button id="copy" class="secondary small" type="button" onClick={async () => setCopied(await copy(text()))}>
        {texts('after.copy')}
      </button>
      <button id="download" class="secondary small" type="button" onClick={() => download(file, text())}>
        {texts('after.download')}
      </button>
      <p class="hint" role="status" hidden={copied === undefined}>
        {copied !== undefined && texts(copied ? 'after.copied' : 'after.copy.failed')}
      </p>
    </>
  );
}
