//! The macro `livekit` writes its track and publication enums with.

/// Implements methods on an enum by calling the method of the same name on the value of its variant.
///
/// The first argument of each method is written with its type: `self: &Self`.
#[macro_export]
macro_rules! enum_dispatch {
    ($variants:tt; $($vis:vis fn $name:ident $args:tt -> $ret:ty;)+) => {
        $($crate::enum_dispatch!(@method $variants, $vis, $name, $ret, $args);)+
    };
    (@method $variants:tt, $vis:vis, $name:ident, $ret:ty, ($this:ident: $this_type:ty $(, $arg:ident: $arg_type:ty)* $(,)?)) => {
        #[inline]
        $vis fn $name($this: $this_type $(, $arg: $arg_type)*) -> $ret {
            $crate::enum_dispatch!(@arms $variants, $this, $name, ($($arg),*))
        }
    };
    (@arms [$($variant:ident),+], $this:ident, $name:ident, $args:tt) => {
        match $this {
            $(Self::$variant(inner) => $crate::enum_dispatch!(@call inner, $name, $args),)+
        }
    };
    (@call $inner:ident, $name:ident, ($($arg:ident),*)) => {
        $inner.$name($($arg),*)
    };
}
