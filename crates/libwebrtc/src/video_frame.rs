//! Pictures in memory. Nothing here encodes or decodes them: capturing one is refused, and none is received.

use std::fmt::Debug;

/// How far a picture is to be turned, in degrees, clockwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VideoRotation {
    VideoRotation0 = 0,
    VideoRotation90 = 90,
    VideoRotation180 = 180,
    VideoRotation270 = 270,
}

/// What a program sends along with a frame.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FrameMetadata {
    /// Microseconds since the Unix epoch.
    pub user_timestamp: Option<u64>,
    pub frame_id: Option<u32>,
    pub user_data: Option<Vec<u8>>,
}

/// A picture and when it was taken.
#[derive(Debug, Clone)]
pub struct VideoFrame<B: AsRef<dyn VideoBuffer>> {
    pub rotation: VideoRotation,
    /// Microseconds; 0 for now.
    pub timestamp_us: i64,
    pub frame_metadata: Option<FrameMetadata>,
    pub buffer: B,
}

impl<B: AsRef<dyn VideoBuffer>> VideoFrame<B> {
    pub fn new(rotation: VideoRotation, buffer: B) -> Self {
        Self { rotation, timestamp_us: 0, frame_metadata: None, buffer }
    }
}

/// A picture of any layout.
pub trait VideoBuffer: Debug + Send + Sync {
    /// In pixels, of the brightness.
    fn width(&self) -> u32;
    /// In pixels, of the brightness.
    fn height(&self) -> u32;
    /// The same picture in planes of brightness and colour.
    fn to_i420(&self) -> I420Buffer;
}

pub type BoxVideoBuffer = Box<dyn VideoBuffer>;
pub type BoxVideoFrame = VideoFrame<BoxVideoBuffer>;

/// A plane of brightness (Y) and two of colour (U, V) of half its width and height, a byte for each value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct I420Buffer {
    width: u32,
    height: u32,
    /// One behind the other: Y, U, V.
    planes: Vec<u8>,
}

impl I420Buffer {
    /// A picture of zeros, which is green.
    pub fn new(width: u32, height: u32) -> Self {
        let buffer = Self { width, height, planes: Vec::new() };
        let (luma, chroma) = buffer.plane_lengths();
        Self { planes: vec![0; luma + 2 * chroma], ..buffer }
    }

    /// In pixels, of the brightness.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// In pixels, of the brightness.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Bytes of a line of Y, U and V.
    pub fn strides(&self) -> (u32, u32, u32) {
        let chroma = self.width.div_ceil(2);
        (self.width, chroma, chroma)
    }

    /// Y, U and V.
    pub fn data(&self) -> (&[u8], &[u8], &[u8]) {
        let (luma, chroma) = self.plane_lengths();
        let (y, colours) = self.planes.split_at(luma);
        let (u, v) = colours.split_at(chroma);
        (y, u, v)
    }

    /// Y, U and V.
    pub fn data_mut(&mut self) -> (&mut [u8], &mut [u8], &mut [u8]) {
        let (luma, chroma) = self.plane_lengths();
        let (y, colours) = self.planes.split_at_mut(luma);
        let (u, v) = colours.split_at_mut(chroma);
        (y, u, v)
    }

    fn plane_lengths(&self) -> (usize, usize) {
        let area = |width: u32, height: u32| width as usize * height as usize;
        (area(self.width, self.height), area(self.width.div_ceil(2), self.height.div_ceil(2)))
    }
}

impl VideoBuffer for I420Buffer {
    fn width(&self) -> u32 {
        self.width
    }

    fn height(&self) -> u32 {
        self.height
    }

    fn to_i420(&self) -> I420Buffer {
        self.clone()
    }
}

impl AsRef<dyn VideoBuffer> for I420Buffer {
    fn as_ref(&self) -> &(dyn VideoBuffer + 'static) {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_cover_pictures_of_odd_sizes() {
        let mut buffer = I420Buffer::new(5, 3);
        let (y, u, v) = buffer.data_mut();
        y.fill(1);
        u.fill(2);
        v.fill(3);
        let (y, u, v) = buffer.data();
        assert_eq!((y, u, v), (&[1; 15][..], &[2; 6][..], &[3; 6][..]));
        assert_eq!(buffer.strides(), (5, 3, 3));
        let frame: BoxVideoFrame = VideoFrame::new(VideoRotation::VideoRotation0, Box::new(buffer.clone()));
        assert_eq!(frame.buffer.to_i420(), buffer);
    }
}
