// A stage in Rust: the structs of aquatint_plugin.h by hand, one stage that multiplies, no crate but core and std.
// rustc --edition 2021 -O --crate-type cdylib -o gain.so gain.rs
use std::ffi::{c_char, c_void};
use std::ptr::{null, null_mut};

#[repr(C)]
pub struct Image { struct_size: u32, format: i32, space: i32, bands: i32, has_alpha: i32, reserved: i32, width: i64, height: i64 }
#[repr(C)]
pub struct Rect { x: i64, y: i64, width: i64, height: i64 }
#[repr(C)]
pub struct Tile { struct_size: u32, reserved: u32, image: *const Image, rect: Rect, data: *mut u8, row: isize, col: isize, band: isize }
#[repr(C)]
pub struct Value { struct_size: u32, kind: i32, i: i64, f: f64, s: *const c_char, int_items: *const i64, float_items: *const f64, count: u64 }
#[repr(C)]
pub struct Param { struct_size: u32, kind: i32, flags: u32, has_range: u32, name: *const c_char, doc: *const c_char, unit: *const c_char,
                   min: f64, max: f64, choices: *const *const c_char, fallback: *const Value, min_count: u64, max_count: u64 }
#[repr(C)]
pub struct Reach { struct_size: u32, reserved: u32, num_x: i32, den_x: i32, num_y: i32, den_y: i32, left: i32, right: i32, top: i32, bottom: i32 }
#[repr(C)]
pub struct Plan { struct_size: u32, flags: u32, output: *const Image, reach: *const *const Reach, edge: i32, layout: i32, align_x: i32, align_y: i32,
                  ragged: i32, reserved: i32, tile_w: i32, tile_h: i32, scratch_bytes: u64, state: *mut c_void }
#[repr(C)]
pub struct Job { struct_size: u32, reserved: u32, cancelled: extern "C" fn(*const Job) -> i32 }
#[repr(C)]
pub struct Input { struct_size: u32, optional: u32, name: *const c_char, doc: *const c_char, formats: u32, spaces: u32, min_bands: i32, max_bands: i32 }
#[repr(C)]
pub struct Stage {
    struct_size: u32, kind: i32, threads: i32, flags: u32, id: *const c_char, version: *const c_char, doc: *const c_char, licence: *const c_char,
    inputs: *const *const Input, params: *const *const Param,
    create: extern "C" fn(*const c_void, *const Stage, *const *const Value, *mut *mut c_void, *mut c_void) -> i32,
    destroy: extern "C" fn(*mut c_void),
    plan: extern "C" fn(*mut c_void, *const *const Image, *mut Plan, *mut c_void) -> i32,
    plan_free: extern "C" fn(*mut c_void, *mut Plan),
    process: extern "C" fn(*mut c_void, *const Plan, *const Job, *const *const Tile, *const Tile, *mut c_void) -> i32,
    network: *const c_void, extension: *const c_void,
}
#[repr(C)]
pub struct Plugin { struct_size: u32, abi_minor: u32, name: *const c_char, version: *const c_char, vendor: *const c_char, url: *const c_char,
                    stages: *const *const Stage, init: *const c_void }

/// Constant tables may be read from any thread.
struct Constant<T>(T);
unsafe impl<T> Sync for Constant<T> {}

const fn size<T>() -> u32 { std::mem::size_of::<T>() as u32 }
const fn text(bytes: &'static [u8]) -> *const c_char { bytes.as_ptr() as *const c_char }
const OK: i32 = 0;
const CANCELLED: i32 = -5;
const FLOAT: i32 = 3;
const F32: u32 = 4;

static DEFAULT: Constant<Value> = Constant(Value { struct_size: size::<Value>(), kind: FLOAT, i: 0, f: 1.0, s: null(), int_items: null(), float_items: null(), count: 0 });
static AMOUNT: Constant<Param> = Constant(Param {
    struct_size: size::<Param>(), kind: FLOAT, flags: 0, has_range: 1, name: text(b"amount\0"), doc: text(b"What each sample is multiplied with.\0"), unit: null(),
    min: 0.0, max: 16.0, choices: null(), fallback: &DEFAULT.0, min_count: 0, max_count: 0 });
static PARAMS: Constant<[*const Param; 2]> = Constant([&AMOUNT.0, null()]);
static PICTURE: Constant<Input> = Constant(Input {
    struct_size: size::<Input>(), optional: 0, name: text(b"in\0"), doc: text(b"The picture.\0"), formats: 1 << F32, spaces: 0, min_bands: 0, max_bands: 0 });
static INPUTS: Constant<[*const Input; 2]> = Constant([&PICTURE.0, null()]);
static GAIN: Constant<Stage> = Constant(Stage {
    struct_size: size::<Stage>(), kind: 1, threads: 3, flags: 0, id: text(b"test.rust_gain\0"), version: text(b"1.0.0\0"), doc: text(b"Multiplies the picture.\0"),
    licence: text(b"MIT\0"), inputs: &INPUTS.0 as *const _, params: &PARAMS.0 as *const _, create, destroy, plan, plan_free, process, network: null(), extension: null() });
static STAGES: Constant<[*const Stage; 2]> = Constant([&GAIN.0, null()]);
static PLUGIN: Constant<Plugin> = Constant(Plugin {
    struct_size: size::<Plugin>(), abi_minor: 0, name: text(b"test.rust\0"), version: text(b"1.0.0\0"), vendor: text(b"Tests\0"), url: null(),
    stages: &STAGES.0 as *const _, init: null() });

extern "C" fn create(_: *const c_void, _: *const Stage, values: *const *const Value, instance: *mut *mut c_void, _: *mut c_void) -> i32 {
    unsafe { *instance = Box::into_raw(Box::new((**values).f as f32)) as *mut c_void };
    OK
}

extern "C" fn destroy(instance: *mut c_void) { drop(unsafe { Box::from_raw(instance as *mut f32) }) }

struct Answer { output: Image, reach: Reach, reaches: [*const Reach; 2] }

extern "C" fn plan(_: *mut c_void, inputs: *const *const Image, out: *mut Plan, _: *mut c_void) -> i32 {
    let (picture, out) = unsafe { (&**inputs, &mut *out) };
    let answer = Box::leak(Box::new(Answer {
        output: Image { struct_size: size::<Image>(), format: picture.format, space: picture.space, bands: picture.bands, has_alpha: picture.has_alpha, reserved: 0,
                        width: picture.width, height: picture.height },
        reach: Reach { struct_size: size::<Reach>(), reserved: 0, num_x: 1, den_x: 1, num_y: 1, den_y: 1, left: 0, right: 0, top: 0, bottom: 0 },
        reaches: [null(); 2] }));
    answer.reaches[0] = &answer.reach;
    out.output = &answer.output;
    out.reach = answer.reaches.as_ptr();
    out.state = answer as *mut Answer as *mut c_void;
    OK
}

extern "C" fn plan_free(_: *mut c_void, plan: *mut Plan) {
    unsafe {
        drop(Box::from_raw((*plan).state as *mut Answer));
        (*plan).state = null_mut();
    }
}

extern "C" fn process(instance: *mut c_void, _: *const Plan, job: *const Job, inputs: *const *const Tile, out: *const Tile, _: *mut c_void) -> i32 {
    unsafe {
        let (amount, source, out) = (*(instance as *const f32), &**inputs, &*out);
        for y in 0..out.rect.height as isize {
            if ((*job).cancelled)(job) != 0 { return CANCELLED; }
            for x in 0..out.rect.width as isize {
                for b in 0..(*out.image).bands as isize {
                    let sample = *(source.data.offset(y * source.row + x * source.col + b * source.band) as *const f32);
                    *(out.data.offset(y * out.row + x * out.col + b * out.band) as *mut f32) = amount * sample;
                }
            }
        }
    }
    OK
}

#[no_mangle]
pub extern "C" fn aqt_plugin_entry_v1() -> *const Plugin { &PLUGIN.0 }
