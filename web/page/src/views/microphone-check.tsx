import { useEffect, useState } from 'preact/hooks';
import { type Problem, microphoneProblem, problemText } from '../problem';
import { DevicePicker } from './device-picker';
import { LevelBars } from './level-bars';
import { MicrophoneIcon } from './icons';
import { usePage } from './page';

interface Props {
  ready: boolean;
  device: string | undefined;
  onDevice(device: string): void;
}

/** Asks for the microphone before the call, and shows that it hears. Nothing of it leaves the browser. */
export function MicrophoneCheck({ ready, device, onDevice }: Props) {
  const { texts } = usePage();
  const [testing, setTesting] = useState(false);
  const [track, setTrack] = useState<MediaStreamTrack>();
  const [problem, setProblem] = useState<Problem>();
  const [heard, setHeard] = useState(false);

  useEffect(() => {
    if (!testing) return undefined;
    let over = false;
    let opened: MediaStreamTrack | undefined;
    setProblem(undefined);
    setHeard(false);
    open(device).then(
      (found) => {
        opened = found;
        if (over) found.stop();
        else setTrack(found);
      },
      (error: unknown) => {
        if (over || !(error instanceof DOMException)) return;
        setProblem(microphoneProblem(error));
        setTesting(false);
      },
    );
    return () => {
      over = true;
      opened?.stop();
      setTrack(undefined);
    };
  }, [testing, device]);

  return (
    <div class="check">
      <button id="test-microphone" class="secondary" type="button" disabled={!ready} onClick={() => setTesting(!testing)}>
        <MicrophoneIcon />
        {texts(testing ? 'check.stop' : 'check.start')}
      </button>
      <p id="check-error" class="problem" role="alert" hidden={!problem}>
        {problem && problemText(texts, problem, Date.now())}
      </p>
      {testing && (
        <div class="check-result">
          <LevelBars track={track} onLoud={() => setHeard(true)} />
          <p id="check-state" role="status" data-heard={heard}>
            {texts(heard ? 'check.heard' : track ? 'check.speak' : 'check.asking')}
          </p>
          {track && <DevicePicker label={texts('check.device')} current={track.getSettings().deviceId} onDevice={onDevice} />}
        </div>
      )}
    </div>
  );
}

async function open(device: string | undefined): Promise<MediaStreamTrack> {
  const audio = device === undefined ? true : { deviceId: { exact: device } };
  const [track] = (await navigator.mediaDevices.getUserMedia({ audio })).getAudioTracks();
  if (!track) throw new DOMException('no track', 'NotFoundError');
  return track;
}
