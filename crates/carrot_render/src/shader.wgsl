enable clip_distances;

struct Tile {
    clip_from_world: mat4x4<f32>,
    // Half width and height of the picture and its middle, in clip coordinates of the atlas.
    place: vec4<f32>,
}

struct Corner {
    @builtin(position) position: vec4<f32>,
    @builtin(clip_distances) inside: array<f32, 4>,
    @location(0) color: vec4<f32>,
}

@group(0) @binding(0) var<storage, read> tiles: array<Tile>;

@vertex
fn place(
    @location(0) position: vec3<f32>,
    @location(1) normal: vec3<f32>,
    @location(2) row_x: vec4<f32>,
    @location(3) row_y: vec4<f32>,
    @location(4) row_z: vec4<f32>,
    @location(5) color: vec4<f32>,
    @location(6) tile: u32,
) -> Corner {
    let unit = vec4(position, 1.0);
    let world = vec3(dot(row_x, unit), dot(row_y, unit), dot(row_z, unit));
    let at = tiles[tile].clip_from_world * vec4(world, 1.0);
    let frame = tiles[tile].place;

    var corner: Corner;
    corner.position = vec4(at.xy * frame.xy + frame.zw * at.w, at.z, at.w);
    // A picture ends where its neighbour begins.
    corner.inside = array(at.w + at.x, at.w - at.x, at.w + at.y, at.w - at.y);
    corner.color = vec4(color.rgb * light(normal, row_x.xyz, row_y.xyz, row_z.xyz), color.a);
    return corner;
}

/// Light is found at corners and not at pixels, of which a software renderer has a hundred times as many.
fn light(normal: vec3<f32>, row_x: vec3<f32>, row_y: vec3<f32>, row_z: vec3<f32>) -> f32 {
    // What is pressed flat is a shadow.
    if all(row_z == vec3(0.0)) {
        return 1.0;
    }
    // The matrix is a turn after a scale: normals are scaled by one over it.
    let squares = row_x * row_x + row_y * row_y + row_z * row_z;
    let flat = normal / max(squares, vec3(1e-20));
    let across = normalize(vec3(dot(row_x, flat), dot(row_y, flat), dot(row_z, flat)));
    let lamp = max(dot(across, normalize(vec3(-0.35, -0.6, 0.9))), 0.0);
    let sky = 0.5 + 0.5 * across.z;
    return 0.28 + 0.22 * sky + 0.62 * lamp;
}

@fragment
fn paint(@location(0) color: vec4<f32>) -> @location(0) vec4<f32> {
    return color;
}
