// The microphones that there are. Their names are known once one of them was allowed.

export interface Device {
  id: string;
  /** Empty where the browser does not tell. */
  name: string;
}

export async function microphones(): Promise<Device[]> {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices
    .filter(({ kind, deviceId }) => kind === 'audioinput' && deviceId !== '')
    .map(({ deviceId, label }) => ({ id: deviceId, name: label }));
}

/** Tells at once, and whenever one comes or goes. Gives back what ends it. */
export function followMicrophones(tell: (devices: Device[]) => void): () => void {
  const look = () => void microphones().then(tell, () => tell([]));
  look();
  navigator.mediaDevices.addEventListener('devicechange', look);
  return () => navigator.mediaDevices.removeEventListener('devicechange', look);
}
