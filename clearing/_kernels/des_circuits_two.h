/* The S-boxes of DES in gates of two inputs, 435 in all, and a round of DES. A part of lanes.h.
 * Made by tests/kernels/generate_circuits.py; do not edit. */
/* S1 in 58 gates. */
static inline void LANES(des_box_1)(LANES(word) in0, LANES(word) in1, LANES(word) in2, LANES(word) in3, LANES(word) in4, LANES(word) in5,
    LANES(word) *to0, LANES(word) *to1, LANES(word) *to2, LANES(word) *to3)
{
    LANES(word) g6 = in5 ^ in2;
    LANES(word) g7 = g6 & in4;
    LANES(word) g8 = in3 ^ g7;
    LANES(word) g9 = g8 ^ in2;
    LANES(word) g10 = g9 | in4;
    LANES(word) g11 = ~g9;
    LANES(word) g12 = g11 & ~in5;
    LANES(word) g13 = g10 ^ g12;
    LANES(word) g14 = g13 & in1;
    LANES(word) g15 = g8 ^ g14;
    LANES(word) g16 = g8 | g7;
    LANES(word) g17 = g16 | in5;
    LANES(word) g18 = in2 & ~g12;
    LANES(word) g19 = ~g15;
    LANES(word) g20 = g19 & in4;
    LANES(word) g21 = g18 ^ g20;
    LANES(word) g22 = g21 & ~in1;
    LANES(word) g23 = g17 ^ g22;
    LANES(word) g24 = g23 & in0;
    LANES(word) g25 = g15 ^ g24;
    LANES(word) g26 = g13 & ~g6;
    LANES(word) g27 = g26 ^ in1;
    LANES(word) g28 = g9 & in4;
    LANES(word) g29 = g27 ^ g28;
    LANES(word) g30 = in3 | in1;
    LANES(word) g31 = g30 ^ g7;
    LANES(word) g32 = g31 & in2;
    LANES(word) g33 = g29 ^ g32;
    LANES(word) g34 = g25 & ~g32;
    LANES(word) g35 = g31 ^ g29;
    LANES(word) g36 = g35 | g12;
    LANES(word) g37 = g36 & ~in1;
    LANES(word) g38 = g34 ^ g37;
    LANES(word) g39 = g38 & in0;
    LANES(word) g40 = g33 ^ g39;
    LANES(word) g41 = g27 & ~g18;
    LANES(word) g42 = g41 ^ g8;
    LANES(word) g43 = g41 ^ g39;
    LANES(word) g44 = g43 & ~in4;
    LANES(word) g45 = g42 ^ g44;
    LANES(word) g46 = g36 ^ g25;
    LANES(word) g47 = g46 ^ g7;
    LANES(word) g48 = g35 & g31;
    LANES(word) g49 = g48 ^ g34;
    LANES(word) g50 = g49 & ~in5;
    LANES(word) g51 = g47 ^ g50;
    LANES(word) g52 = g51 & ~in0;
    LANES(word) g53 = g45 ^ g52;
    LANES(word) g54 = g47 & ~g52;
    LANES(word) g55 = g54 ^ g27;
    LANES(word) g56 = g36 ^ g10;
    LANES(word) g57 = g56 & ~in4;
    LANES(word) g58 = g55 ^ g57;
    LANES(word) g59 = g31 & ~g39;
    LANES(word) g60 = g59 & ~in5;
    LANES(word) g61 = g42 ^ g60;
    LANES(word) g62 = g61 & ~in1;
    LANES(word) g63 = g58 ^ g62;
    *to0 ^= g40;
    *to1 ^= g53;
    *to2 ^= g63;
    *to3 ^= g25;
}

/* S2 in 53 gates. */
static inline void LANES(des_box_2)(LANES(word) in0, LANES(word) in1, LANES(word) in2, LANES(word) in3, LANES(word) in4, LANES(word) in5,
    LANES(word) *to0, LANES(word) *to1, LANES(word) *to2, LANES(word) *to3)
{
    LANES(word) g6 = in5 ^ in4;
    LANES(word) g7 = g6 ^ in0;
    LANES(word) g8 = g6 & ~g7;
    LANES(word) g9 = in4 & ~g8;
    LANES(word) g10 = g9 & in3;
    LANES(word) g11 = g7 ^ g10;
    LANES(word) g12 = g9 & in0;
    LANES(word) g13 = ~g12;
    LANES(word) g14 = g13 & ~in2;
    LANES(word) g15 = g11 ^ g14;
    LANES(word) g16 = g12 | in3;
    LANES(word) g17 = in5 | in2;
    LANES(word) g18 = g17 ^ g10;
    LANES(word) g19 = g18 & ~in0;
    LANES(word) g20 = g16 ^ g19;
    LANES(word) g21 = g20 & in1;
    LANES(word) g22 = g15 ^ g21;
    LANES(word) g23 = g7 ^ in3;
    LANES(word) g24 = g18 ^ in1;
    LANES(word) g25 = g24 & ~in2;
    LANES(word) g26 = g23 ^ g25;
    LANES(word) g27 = ~g25;
    LANES(word) g28 = g16 ^ g14;
    LANES(word) g29 = g28 | g8;
    LANES(word) g30 = g29 & in1;
    LANES(word) g31 = g27 ^ g30;
    LANES(word) g32 = g31 & ~in5;
    LANES(word) g33 = g26 ^ g32;
    LANES(word) g34 = g29 & g15;
    LANES(word) g35 = g34 ^ g24;
    LANES(word) g36 = g34 ^ g33;
    LANES(word) g37 = g36 & ~g22;
    LANES(word) g38 = g37 & in5;
    LANES(word) g39 = g35 ^ g38;
    LANES(word) g40 = in3 & ~g27;
    LANES(word) g41 = g40 ^ g37;
    LANES(word) g42 = g41 ^ in4;
    LANES(word) g43 = g42 | g21;
    LANES(word) g44 = g43 & in2;
    LANES(word) g45 = g41 ^ g44;
    LANES(word) g46 = g45 & in0;
    LANES(word) g47 = g39 ^ g46;
    LANES(word) g48 = g30 ^ in4;
    LANES(word) g49 = g48 ^ in2;
    LANES(word) g50 = g23 ^ g14;
    LANES(word) g51 = g50 & ~in1;
    LANES(word) g52 = g49 ^ g51;
    LANES(word) g53 = g52 ^ g23;
    LANES(word) g54 = g53 | g35;
    LANES(word) g55 = g54 & in4;
    LANES(word) g56 = g19 ^ g55;
    LANES(word) g57 = g56 & ~in0;
    LANES(word) g58 = g52 ^ g57;
    *to0 ^= g22;
    *to1 ^= g33;
    *to2 ^= g47;
    *to3 ^= g58;
}

/* S3 in 54 gates. */
static inline void LANES(des_box_3)(LANES(word) in0, LANES(word) in1, LANES(word) in2, LANES(word) in3, LANES(word) in4, LANES(word) in5,
    LANES(word) *to0, LANES(word) *to1, LANES(word) *to2, LANES(word) *to3)
{
    LANES(word) g6 = in5 ^ in2;
    LANES(word) g7 = in5 | in3;
    LANES(word) g8 = g7 & in0;
    LANES(word) g9 = g6 ^ g8;
    LANES(word) g10 = in3 ^ in2;
    LANES(word) g11 = g10 | in0;
    LANES(word) g12 = g11 & ~in4;
    LANES(word) g13 = g9 ^ g12;
    LANES(word) g14 = g13 ^ in3;
    LANES(word) g15 = g14 & ~g6;
    LANES(word) g16 = g15 & in0;
    LANES(word) g17 = in1 ^ g16;
    LANES(word) g18 = g17 & in1;
    LANES(word) g19 = g13 ^ g18;
    LANES(word) g20 = g13 | in2;
    LANES(word) g21 = g20 & ~in0;
    LANES(word) g22 = g6 ^ g21;
    LANES(word) g23 = g19 ^ g11;
    LANES(word) g24 = g23 | g10;
    LANES(word) g25 = g24 & in4;
    LANES(word) g26 = g22 ^ g25;
    LANES(word) g27 = g26 | in0;
    LANES(word) g28 = g27 ^ g23;
    LANES(word) g29 = g21 ^ g10;
    LANES(word) g30 = g29 & g27;
    LANES(word) g31 = g30 & ~in4;
    LANES(word) g32 = g28 ^ g31;
    LANES(word) g33 = g32 & ~in1;
    LANES(word) g34 = g26 ^ g33;
    LANES(word) g35 = in4 & ~g11;
    LANES(word) g36 = g35 ^ g17;
    LANES(word) g37 = g36 & g14;
    LANES(word) g38 = g37 ^ g29;
    LANES(word) g39 = g38 & ~in5;
    LANES(word) g40 = g36 ^ g39;
    LANES(word) g41 = g11 & ~g28;
    LANES(word) g42 = ~g41;
    LANES(word) g43 = g30 ^ g22;
    LANES(word) g44 = g43 & in0;
    LANES(word) g45 = g42 ^ g44;
    LANES(word) g46 = g45 & ~in2;
    LANES(word) g47 = g40 ^ g46;
    LANES(word) g48 = g47 & ~g28;
    LANES(word) g49 = g48 ^ in2;
    LANES(word) g50 = g12 ^ in5;
    LANES(word) g51 = g50 & in1;
    LANES(word) g52 = g49 ^ g51;
    LANES(word) g53 = g23 ^ g15;
    LANES(word) g54 = g53 & ~g34;
    LANES(word) g55 = g54 ^ g16;
    LANES(word) g56 = g55 & in5;
    LANES(word) g57 = g53 ^ g56;
    LANES(word) g58 = g57 & in4;
    LANES(word) g59 = g52 ^ g58;
    *to0 ^= g47;
    *to1 ^= g34;
    *to2 ^= g59;
    *to3 ^= g19;
}

/* S4 in 44 gates. */
static inline void LANES(des_box_4)(LANES(word) in0, LANES(word) in1, LANES(word) in2, LANES(word) in3, LANES(word) in4, LANES(word) in5,
    LANES(word) *to0, LANES(word) *to1, LANES(word) *to2, LANES(word) *to3)
{
    LANES(word) g6 = in3 | in0;
    LANES(word) g7 = g6 ^ in4;
    LANES(word) g8 = in3 & in0;
    LANES(word) g9 = g8 | in4;
    LANES(word) g10 = g9 & in2;
    LANES(word) g11 = g7 ^ g10;
    LANES(word) g12 = g8 | in2;
    LANES(word) g13 = g11 & g9;
    LANES(word) g14 = g13 & ~in0;
    LANES(word) g15 = g12 ^ g14;
    LANES(word) g16 = g15 & in1;
    LANES(word) g17 = g11 ^ g16;
    LANES(word) g18 = ~g15;
    LANES(word) g19 = g18 ^ in3;
    LANES(word) g20 = g12 & in4;
    LANES(word) g21 = g19 ^ g20;
    LANES(word) g22 = g17 ^ in0;
    LANES(word) g23 = g22 | g18;
    LANES(word) g24 = g23 & in1;
    LANES(word) g25 = g21 ^ g24;
    LANES(word) g26 = g25 & in5;
    LANES(word) g27 = g17 ^ g26;
    LANES(word) g28 = g11 | in3;
    LANES(word) g29 = g28 ^ g25;
    LANES(word) g30 = g20 | g10;
    LANES(word) g31 = g7 & ~in3;
    LANES(word) g32 = g30 ^ g31;
    LANES(word) g33 = g32 & ~in1;
    LANES(word) g34 = g29 ^ g33;
    LANES(word) g35 = g30 | g29;
    LANES(word) g36 = g22 ^ g15;
    LANES(word) g37 = g36 & ~in0;
    LANES(word) g38 = g35 ^ g37;
    LANES(word) g39 = g22 ^ g8;
    LANES(word) g40 = g39 & g29;
    LANES(word) g41 = g40 & in4;
    LANES(word) g42 = g38 ^ g41;
    LANES(word) g43 = g42 & in5;
    LANES(word) g44 = g34 ^ g43;
    LANES(word) g45 = ~g42;
    LANES(word) g46 = g45 & ~in5;
    LANES(word) g47 = g34 ^ g46;
    LANES(word) g48 = g27 ^ g25;
    LANES(word) g49 = g48 ^ in5;
    *to0 ^= g27;
    *to1 ^= g49;
    *to2 ^= g44;
    *to3 ^= g47;
}

/* S5 in 59 gates. */
static inline void LANES(des_box_5)(LANES(word) in0, LANES(word) in1, LANES(word) in2, LANES(word) in3, LANES(word) in4, LANES(word) in5,
    LANES(word) *to0, LANES(word) *to1, LANES(word) *to2, LANES(word) *to3)
{
    LANES(word) g6 = in4 | in0;
    LANES(word) g7 = g6 ^ in1;
    LANES(word) g8 = in5 ^ in1;
    LANES(word) g9 = g8 | in0;
    LANES(word) g10 = g9 & ~in3;
    LANES(word) g11 = g7 ^ g10;
    LANES(word) g12 = g7 | in3;
    LANES(word) g13 = g10 ^ in4;
    LANES(word) g14 = g13 & in0;
    LANES(word) g15 = g12 ^ g14;
    LANES(word) g16 = g15 & in2;
    LANES(word) g17 = g11 ^ g16;
    LANES(word) g18 = g13 ^ in0;
    LANES(word) g19 = g18 | in2;
    LANES(word) g20 = g19 & ~in3;
    LANES(word) g21 = g12 ^ g20;
    LANES(word) g22 = g21 & ~in5;
    LANES(word) g23 = g17 ^ g22;
    LANES(word) g24 = g18 & g17;
    LANES(word) g25 = g24 ^ in5;
    LANES(word) g26 = g23 & g8;
    LANES(word) g27 = g21 & ~g26;
    LANES(word) g28 = g27 & ~in4;
    LANES(word) g29 = g25 ^ g28;
    LANES(word) g30 = g25 | in4;
    LANES(word) g31 = g30 & ~in5;
    LANES(word) g32 = g10 ^ g31;
    LANES(word) g33 = g27 & ~g9;
    LANES(word) g34 = g33 ^ g10;
    LANES(word) g35 = g34 & ~in0;
    LANES(word) g36 = g32 ^ g35;
    LANES(word) g37 = g36 & ~in2;
    LANES(word) g38 = g29 ^ g37;
    LANES(word) g39 = g32 | in2;
    LANES(word) g40 = g39 ^ g18;
    LANES(word) g41 = g36 & ~g38;
    LANES(word) g42 = g41 ^ g30;
    LANES(word) g43 = g42 & in1;
    LANES(word) g44 = g40 ^ g43;
    LANES(word) g45 = g30 ^ g22;
    LANES(word) g46 = g45 ^ in1;
    LANES(word) g47 = g44 & g25;
    LANES(word) g48 = g47 ^ g26;
    LANES(word) g49 = g48 & ~in2;
    LANES(word) g50 = g46 ^ g49;
    LANES(word) g51 = g50 & ~in3;
    LANES(word) g52 = g44 ^ g51;
    LANES(word) g53 = g52 ^ g43;
    LANES(word) g54 = g53 ^ g23;
    LANES(word) g55 = ~g38;
    LANES(word) g56 = g55 & in0;
    LANES(word) g57 = g54 ^ g56;
    LANES(word) g58 = g56 & ~g53;
    LANES(word) g59 = g58 ^ g55;
    LANES(word) g60 = g44 ^ g21;
    LANES(word) g61 = g60 & in1;
    LANES(word) g62 = g59 ^ g61;
    LANES(word) g63 = g62 & ~in4;
    LANES(word) g64 = g57 ^ g63;
    *to0 ^= g52;
    *to1 ^= g23;
    *to2 ^= g64;
    *to3 ^= g38;
}

/* S6 in 56 gates. */
static inline void LANES(des_box_6)(LANES(word) in0, LANES(word) in1, LANES(word) in2, LANES(word) in3, LANES(word) in4, LANES(word) in5,
    LANES(word) *to0, LANES(word) *to1, LANES(word) *to2, LANES(word) *to3)
{
    LANES(word) g6 = in3 ^ in1;
    LANES(word) g7 = in5 ^ in1;
    LANES(word) g8 = g7 | in2;
    LANES(word) g9 = g8 & ~in0;
    LANES(word) g10 = g6 ^ g9;
    LANES(word) g11 = in2 & ~in5;
    LANES(word) g12 = g10 ^ g11;
    LANES(word) g13 = g7 | in3;
    LANES(word) g14 = g13 ^ in2;
    LANES(word) g15 = g12 & ~in0;
    LANES(word) g16 = g14 ^ g15;
    LANES(word) g17 = g16 ^ in0;
    LANES(word) g18 = g17 & ~in1;
    LANES(word) g19 = g9 ^ g18;
    LANES(word) g20 = g19 & ~in5;
    LANES(word) g21 = g16 ^ g20;
    LANES(word) g22 = g21 & in4;
    LANES(word) g23 = g12 ^ g22;
    LANES(word) g24 = g21 & g8;
    LANES(word) g25 = g24 ^ in4;
    LANES(word) g26 = g23 | g7;
    LANES(word) g27 = g26 & g12;
    LANES(word) g28 = g27 & ~in1;
    LANES(word) g29 = g25 ^ g28;
    LANES(word) g30 = ~g27;
    LANES(word) g31 = g30 ^ g26;
    LANES(word) g32 = g31 & in2;
    LANES(word) g33 = g32 & in4;
    LANES(word) g34 = g31 ^ g33;
    LANES(word) g35 = g34 & ~in0;
    LANES(word) g36 = g29 ^ g35;
    LANES(word) g37 = g9 & ~in4;
    LANES(word) g38 = g37 & in3;
    LANES(word) g39 = g25 ^ g38;
    LANES(word) g40 = g15 & ~g38;
    LANES(word) g41 = g21 & ~g40;
    LANES(word) g42 = g41 & in1;
    LANES(word) g43 = g39 ^ g42;
    LANES(word) g44 = g23 | g20;
    LANES(word) g45 = g13 & ~in4;
    LANES(word) g46 = g45 ^ g42;
    LANES(word) g47 = g46 & ~in3;
    LANES(word) g48 = g44 ^ g47;
    LANES(word) g49 = g48 & in0;
    LANES(word) g50 = g43 ^ g49;
    LANES(word) g51 = g30 & ~g32;
    LANES(word) g52 = g51 ^ g29;
    LANES(word) g53 = g48 | g11;
    LANES(word) g54 = g53 & in4;
    LANES(word) g55 = g52 ^ g54;
    LANES(word) g56 = g46 | g34;
    LANES(word) g57 = in5 & ~g37;
    LANES(word) g58 = g57 & ~in0;
    LANES(word) g59 = g56 ^ g58;
    LANES(word) g60 = g59 & in1;
    LANES(word) g61 = g55 ^ g60;
    *to0 ^= g61;
    *to1 ^= g36;
    *to2 ^= g23;
    *to3 ^= g50;
}

/* S7 in 56 gates. */
static inline void LANES(des_box_7)(LANES(word) in0, LANES(word) in1, LANES(word) in2, LANES(word) in3, LANES(word) in4, LANES(word) in5,
    LANES(word) *to0, LANES(word) *to1, LANES(word) *to2, LANES(word) *to3)
{
    LANES(word) g6 = in4 ^ in2;
    LANES(word) g7 = ~in3;
    LANES(word) g8 = g7 ^ in2;
    LANES(word) g9 = g8 & ~in1;
    LANES(word) g10 = g6 ^ g9;
    LANES(word) g11 = g8 ^ in1;
    LANES(word) g12 = g10 & g8;
    LANES(word) g13 = g12 & in3;
    LANES(word) g14 = g11 ^ g13;
    LANES(word) g15 = g14 & in0;
    LANES(word) g16 = g10 ^ g15;
    LANES(word) g17 = g13 ^ in0;
    LANES(word) g18 = g7 & ~g15;
    LANES(word) g19 = in3 & ~g16;
    LANES(word) g20 = g19 & ~in0;
    LANES(word) g21 = g18 ^ g20;
    LANES(word) g22 = g21 & in1;
    LANES(word) g23 = g17 ^ g22;
    LANES(word) g24 = g23 & in5;
    LANES(word) g25 = g16 ^ g24;
    LANES(word) g26 = g25 | g17;
    LANES(word) g27 = g26 ^ g14;
    LANES(word) g28 = g22 ^ g21;
    LANES(word) g29 = g28 | g6;
    LANES(word) g30 = g29 & in5;
    LANES(word) g31 = g27 ^ g30;
    LANES(word) g32 = g26 ^ g16;
    LANES(word) g33 = g7 & ~g32;
    LANES(word) g34 = in5 & ~g33;
    LANES(word) g35 = g34 & in0;
    LANES(word) g36 = g32 ^ g35;
    LANES(word) g37 = g36 & in4;
    LANES(word) g38 = g31 ^ g37;
    LANES(word) g39 = g27 | g18;
    LANES(word) g40 = g39 ^ g28;
    LANES(word) g41 = g39 ^ g33;
    LANES(word) g42 = g41 ^ g6;
    LANES(word) g43 = g42 & ~in5;
    LANES(word) g44 = g40 ^ g43;
    LANES(word) g45 = g38 | in1;
    LANES(word) g46 = g35 & ~g42;
    LANES(word) g47 = g46 & ~in4;
    LANES(word) g48 = g45 ^ g47;
    LANES(word) g49 = g48 & in0;
    LANES(word) g50 = g44 ^ g49;
    LANES(word) g51 = g17 ^ in1;
    LANES(word) g52 = g41 ^ g31;
    LANES(word) g53 = g52 & ~in3;
    LANES(word) g54 = g51 ^ g53;
    LANES(word) g55 = g34 & ~g42;
    LANES(word) g56 = g55 ^ in1;
    LANES(word) g57 = g50 ^ in1;
    LANES(word) g58 = g57 & in2;
    LANES(word) g59 = g56 ^ g58;
    LANES(word) g60 = g59 & in5;
    LANES(word) g61 = g54 ^ g60;
    *to0 ^= g38;
    *to1 ^= g25;
    *to2 ^= g50;
    *to3 ^= g61;
}

/* S8 in 55 gates. */
static inline void LANES(des_box_8)(LANES(word) in0, LANES(word) in1, LANES(word) in2, LANES(word) in3, LANES(word) in4, LANES(word) in5,
    LANES(word) *to0, LANES(word) *to1, LANES(word) *to2, LANES(word) *to3)
{
    LANES(word) g6 = ~in2;
    LANES(word) g7 = g6 ^ in0;
    LANES(word) g8 = in2 & ~g7;
    LANES(word) g9 = g8 | in1;
    LANES(word) g10 = g9 & in3;
    LANES(word) g11 = g7 ^ g10;
    LANES(word) g12 = g8 | g7;
    LANES(word) g13 = in1 ^ in0;
    LANES(word) g14 = g13 & ~in3;
    LANES(word) g15 = g12 ^ g14;
    LANES(word) g16 = g15 & in4;
    LANES(word) g17 = g11 ^ g16;
    LANES(word) g18 = g10 | in1;
    LANES(word) g19 = g18 ^ g16;
    LANES(word) g20 = g12 ^ in3;
    LANES(word) g21 = g15 & in1;
    LANES(word) g22 = g20 ^ g21;
    LANES(word) g23 = g22 & ~in4;
    LANES(word) g24 = g19 ^ g23;
    LANES(word) g25 = g24 & in5;
    LANES(word) g26 = g17 ^ g25;
    LANES(word) g27 = ~g26;
    LANES(word) g28 = g27 ^ g24;
    LANES(word) g29 = g6 & ~g10;
    LANES(word) g30 = g29 ^ g9;
    LANES(word) g31 = g26 & ~g30;
    LANES(word) g32 = g31 ^ g8;
    LANES(word) g33 = g32 & ~in3;
    LANES(word) g34 = g20 ^ g33;
    LANES(word) g35 = g34 & in4;
    LANES(word) g36 = g30 ^ g35;
    LANES(word) g37 = g36 & in5;
    LANES(word) g38 = g28 ^ g37;
    LANES(word) g39 = g26 | in4;
    LANES(word) g40 = g39 ^ g10;
    LANES(word) g41 = g35 | g13;
    LANES(word) g42 = g41 & ~in5;
    LANES(word) g43 = g40 ^ g42;
    LANES(word) g44 = g12 & ~g38;
    LANES(word) g45 = g27 & ~g28;
    LANES(word) g46 = g45 & in4;
    LANES(word) g47 = g44 ^ g46;
    LANES(word) g48 = g47 & ~in1;
    LANES(word) g49 = g43 ^ g48;
    LANES(word) g50 = g49 ^ g39;
    LANES(word) g51 = g50 ^ g38;
    LANES(word) g52 = ~g33;
    LANES(word) g53 = g52 & ~in1;
    LANES(word) g54 = g51 ^ g53;
    LANES(word) g55 = g35 | g27;
    LANES(word) g56 = g36 & ~g46;
    LANES(word) g57 = g56 & in1;
    LANES(word) g58 = g55 ^ g57;
    LANES(word) g59 = g58 & in4;
    LANES(word) g60 = g54 ^ g59;
    *to0 ^= g26;
    *to1 ^= g49;
    *to2 ^= g60;
    *to3 ^= g38;
}

/* One round: to ^= P(S(E(from) ^ key)). `c` and `d` are the key's halves, rotated for the round. */
static LANES_APART void LANES(des_round)(const LANES(word) from[32], LANES(word) to[32],
                                         const LANES(word) *c, const LANES(word) *d)
{
    LANES(des_box_1)(from[31] ^ c[13], from[0] ^ c[16], from[1] ^ c[10],
        from[2] ^ c[23], from[3] ^ c[0], from[4] ^ c[4],
        &to[8], &to[16], &to[22], &to[30]);
    LANES(des_box_2)(from[3] ^ c[2], from[4] ^ c[27], from[5] ^ c[14],
        from[6] ^ c[5], from[7] ^ c[20], from[8] ^ c[9],
        &to[12], &to[27], &to[1], &to[17]);
    LANES(des_box_3)(from[7] ^ c[22], from[8] ^ c[18], from[9] ^ c[11],
        from[10] ^ c[3], from[11] ^ c[25], from[12] ^ c[7],
        &to[23], &to[15], &to[29], &to[5]);
    LANES(des_box_4)(from[11] ^ c[15], from[12] ^ c[6], from[13] ^ c[26],
        from[14] ^ c[19], from[15] ^ c[12], from[16] ^ c[1],
        &to[25], &to[19], &to[9], &to[0]);
    LANES(des_box_5)(from[15] ^ d[12], from[16] ^ d[23], from[17] ^ d[2],
        from[18] ^ d[8], from[19] ^ d[18], from[20] ^ d[26],
        &to[7], &to[13], &to[24], &to[2]);
    LANES(des_box_6)(from[19] ^ d[1], from[20] ^ d[11], from[21] ^ d[22],
        from[22] ^ d[16], from[23] ^ d[4], from[24] ^ d[19],
        &to[3], &to[28], &to[10], &to[18]);
    LANES(des_box_7)(from[23] ^ d[15], from[24] ^ d[20], from[25] ^ d[10],
        from[26] ^ d[27], from[27] ^ d[5], from[28] ^ d[24],
        &to[31], &to[11], &to[21], &to[6]);
    LANES(des_box_8)(from[27] ^ d[17], from[28] ^ d[13], from[29] ^ d[21],
        from[30] ^ d[7], from[31] ^ d[0], from[0] ^ d[3],
        &to[4], &to[26], &to[14], &to[20]);
}
